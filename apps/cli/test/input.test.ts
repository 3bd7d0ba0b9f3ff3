/** What a person types and pipes in: flags, URLs, quantities, lines, pace. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { exitCodes } from "../src/failure.ts";
import { describeFlags, flag, nearest, parseFlags } from "../src/flags.ts";
import { paced } from "../src/pacing.ts";
import { LineSplitter, longestLineBytes } from "../src/publish/lines.ts";
import { formatBytes, formatRate, parseRate, parseSize } from "../src/quantity.ts";
import { parseListenAddress, parseTarget } from "../src/url.ts";

describe("flags", () => {
  const schema = z.object({
    url: flag(z.string(), { positional: true, value: "URL", description: "where" }),
    broadcast: flag(z.string(), { value: "PATH", description: "what" }),
    tlsRoot: flag(z.array(z.string()).default([]), { value: "FILE", description: "whom to trust" }),
    wait: flag(z.boolean().default(false), { description: "wait" }),
    count: flag(z.coerce.number("is no number").int("is no whole number").optional(), { value: "N", description: "n" }),
  });
  const parse = (...argv: string[]) => parseFlags("pub", schema, argv, {});

  test("come out of the schema: names, kinds, defaults, variables", () => {
    expect(
      describeFlags(schema).map(({ label, kind, required, variable }) => [label, kind, required, variable]),
    ).toEqual([
      ["URL", "value", true, "MOQB_URL"],
      ["--broadcast", "value", true, "MOQB_BROADCAST"],
      ["--tls-root", "list", false, "MOQB_TLS_ROOT"],
      ["--wait", "switch", false, "MOQB_WAIT"],
      ["--count", "value", false, "MOQB_COUNT"],
    ]);
  });

  test("in any order, with = or a space, lists repeated", () => {
    expect(parse("--wait", "u", "--tls-root", "a", "--broadcast=b/c", "--tls-root=d")).toEqual({
      url: "u",
      broadcast: "b/c",
      tlsRoot: ["a", "d"],
      wait: true,
    });
  });

  test("win over the environment", () => {
    const env = { MOQB_BROADCAST: "e", MOQB_WAIT: "yes", MOQB_TLS_ROOT: "x,y", MOQB_COUNT: "" };
    expect(parseFlags("pub", schema, ["u"], env)).toMatchObject({ broadcast: "e", wait: true, tlsRoot: ["x", "y"] });
    expect(parseFlags("pub", schema, ["u", "--broadcast", "f"], env).broadcast).toBe("f");
  });

  test.each([
    [["u", "--brodcast", "b"], "there is no flag --brodcast; did you mean --broadcast, or see moqb pub --help"],
    [["u", "-b", "b"], "there is no flag -b; see moqb pub --help"],
    [["u", "--broadcast"], "--broadcast needs a value; write --broadcast PATH"],
    [["u", "--broadcast", "--wait"], "--broadcast needs a value; write --broadcast PATH"],
    [["u", "--broadcast", "b", "--broadcast", "c"], "--broadcast is given twice; give it once"],
    [["u", "--broadcast", "b", "--wait=1"], "--wait is a switch and takes no value; see moqb pub --help"],
    [["u", "v", "--broadcast", "b"], '"v" is one argument too many; see moqb pub --help'],
    [["--broadcast", "b"], "moqb pub needs URL; see moqb pub --help"],
    [["u"], "moqb pub needs --broadcast PATH; see moqb pub --help"],
    [["u", "--broadcast", "b", "--count", "x"], '--count "x": is no number; see moqb pub --help'],
  ])("that are wrong name the right use: %j", (argv, sentence) => {
    expect(() => parse(...argv)).toThrow(new RegExp(`^${sentence.replace(/[[\].?|]/g, "\\$&")}$`));
  });

  test("suggest only what is near", () => {
    expect(nearest("tls-fingerprnt", ["tls-fingerprint", "tls-root"])).toBe("tls-fingerprint");
    expect(nearest("colour", ["tls-fingerprint", "tls-root"])).toBeUndefined();
  });
});

describe("URLs", () => {
  test.each([
    ["moqt://127.0.0.1:4443", { host: "127.0.0.1", port: 4443, path: "" }],
    ["moqt://[::1]:4443/", { host: "::1", port: 4443, path: "" }],
    ["moqt://relay.example", { host: "relay.example", port: 443, path: "" }],
    ["moqt://relay.example/room?jwt=secret", { host: "relay.example", port: 443, path: "/room?jwt=secret" }],
    ["https://relay.example/room?jwt=secret", { host: "relay.example", port: 443, path: "/room?jwt=secret" }],
    ["http://relay.example/room?jwt=secret", { host: "relay.example", port: 80, path: "/room?jwt=secret" }],
    ["wss://relay.example/room?jwt=secret", { host: "relay.example", port: 443, path: "/room?jwt=secret" }],
  ])("%s", (text, target) => {
    expect(parseTarget(text)).toMatchObject(target);
    expect(parseTarget(text).label).not.toContain("secret");
    expect(parseTarget(text).web?.href).toBe(/^(https?|wss):/.test(text) ? text : undefined);
  });

  test.each([
    "",
    "relay",
    "127.0.0.1:4443",
    "ftp://relay.example",
    "moqt://",
    "https://u:p@h",
    "moqt://h:99999",
    "moqt://h:0",
    "moqt://u:p@h",
  ])("refused with an example: %j", (text) => expect(() => parseTarget(text)).toThrow("moqt://host:port"));

  test.each([
    ["4443", undefined, 4443],
    [":4443", undefined, 4443],
    ["[::]:0", "::", 0],
    ["0.0.0.0:65535", "0.0.0.0", 65535],
    ["localhost:1", "localhost", 1],
  ])("listening address %s", (text, host, port) => expect(parseListenAddress(text)).toEqual({ host, port }));

  test.each(["", "host", "::1:4443", "1.2.3.4:65536", "1.2.3.4:", "moqt://h:1"])("no listening address: %j", (text) =>
    expect(() => parseListenAddress(text)).toThrow("is not an address to listen on"),
  );
});

test("quantities are read and written with their unit", () => {
  expect([parseRate("100M"), parseRate("1.5k"), parseRate("96000"), parseRate("0"), parseRate("fast")]).toEqual([
    100e6,
    1500,
    96000,
    undefined,
    undefined,
  ]);
  expect([parseSize("64M"), parseSize("1G"), parseSize("-1")]).toEqual([2 ** 26, 2 ** 30, undefined]);
  expect([formatRate(98_700_000), formatRate(999_700), formatBytes(12), formatBytes(1234)]).toEqual([
    "98.7 Mbit/s",
    "1.0 Mbit/s",
    "12 B",
    "1.2 kB",
  ]);
});

describe("lines", () => {
  const text = "one\ntwo\n\nthree";

  test("are the same however the input is cut, and together the input again", () => {
    for (const size of [1, 2, 5, 100]) {
      const splitter = new LineSplitter();
      const input = new TextEncoder().encode(text);
      const lines: Uint8Array[] = [];
      for (let at = 0; at < input.length; at += size)
        lines.push(...(splitter.push(input.subarray(at, at + size)) as Uint8Array[]));
      const last = splitter.end();
      if (last !== undefined) lines.push(last);
      expect(lines.map((line) => new TextDecoder().decode(line))).toEqual(["one\n", "two\n", "\n", "three"]);
    }
  });

  test("have a longest length", () => {
    const line = new Uint8Array(longestLineBytes);
    line[longestLineBytes - 1] = 0x0a;
    expect(new LineSplitter().push(line)).toHaveLength(1);
    expect(new LineSplitter().push(new Uint8Array(longestLineBytes + 1))).toBe("too-long");
  });
});

describe("the pace", () => {
  async function run(chunks: number[], bitsPerSecond: number, stalls: number[] = []) {
    let now = 0;
    const clock = {
      now: () => now,
      sleep: async (ms: number) => {
        now += ms;
      },
    };
    async function* source() {
      for (const [index, size] of chunks.entries()) {
        now += stalls[index] ?? 0;
        yield new Uint8Array(size);
      }
    }
    let bytes = 0;
    let largest = 0;
    for await (const chunk of paced(source(), bitsPerSecond, clock)) {
      bytes += chunk.length;
      largest = Math.max(largest, chunk.length);
    }
    return { bytes, largest, ms: now };
  }

  test("takes as long as the rate says, in small pieces", async () => {
    const { bytes, ms, largest } = await run([500_000, 500_000], 8_000_000);
    expect(bytes).toBe(1_000_000);
    expect(ms).toBeGreaterThan(990);
    expect(ms).toBeLessThanOrEqual(1001);
    expect(largest).toBe(5000);
  });

  test("does not catch up more than a tenth of a second after a stall", async () => {
    const { ms } = await run([100_000, 900_000], 8_000_000, [0, 5000]);
    expect(ms).toBeGreaterThan(5000 + 885);
  });
});

test("the README's exit codes are the program's", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| (\d+) +\| ([a-z-]+) +\| (.+?) +\|$/gm)].map(([, code, name, says]) => ({
    code: Number(code),
    name,
    says,
  }));
  expect(rows).toEqual(exitCodes);
});
