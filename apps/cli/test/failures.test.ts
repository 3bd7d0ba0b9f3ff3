/** Every foreseen failure, as a person meets it: exit code, and one sentence that says what happened and what to do. */
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { accept, versions } from "@moqingbird/session";
import { createAuthority, selfSigned, writeCertificate } from "@moqingbird/testing";
import { type Connection, generateCertificate, listen } from "@moqingbird/transport";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Bench, type Ending } from "./processes.ts";

const timeout = 40_000;
/** The idle time-out: a killed peer is noticed within it. */
const idleMs = 10_000;
let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.clear());

/** One line on stderr: `moqb: what happened; what to do`. */
function expectFailure(ending: Ending, code: number, sentence: RegExp): void {
  expect(ending.stderr).toMatch(/^moqb: [^\n]+; [^\n]+\n$/);
  expect(ending.stderr).toMatch(sentence);
  expect(ending.code).toBe(code);
}

/** What was typed, and the sentence that answers it. */
const mistakes: readonly (readonly [argv: readonly string[], sentence: RegExp])[] = [
  [["pub", "moqt://127.0.0.1:1", "--brodcast", "x"], /there is no flag --brodcast; did you mean --broadcast/],
  [["sub", "moqt://127.0.0.1:1"], /moqb sub needs --broadcast PATH; see moqb sub --help/],
  [["sub", "127.0.0.1:4443", "--broadcast", "x"], /"127.0.0.1:4443" .*; write moqt:\/\/host:port, such as/],
  [["ls", "ftp://relay.example"], /has the scheme ftp:.*; write moqt:\/\/host:port/],
  [
    ["pub", "moqt://127.0.0.1:1", "--broadcast", "x", "--rate", "fast"],
    /--rate "fast": give bits per second, such as 100M/,
  ],
  [["pub", "moqt://127.0.0.1:1", "--broadcast", "x", "--format", "mkv"], /--format "mkv": give bytes, lines or fmp4/],
  [["pub", "moqt://127.0.0.1:1", "--broadcast", "a//b"], /empty field.*; write a path such as live\/room1/],
  [
    ["relay", "--allow-origin", "example.com"],
    /--allow-origin "example.com": give scheme, host and port, such as https/,
  ],
  [["relay", "--trusted-proxy", "proxy"], /--trusted-proxy "proxy": give an address or a range, such as 10.0.0.0\/8/],
  [["ls", "moqt://127.0.0.1:1", "--tls-disable-verify", "--tls-root", "x"], /exclude each other; give one of them/],
  [["ls", "moqt://127.0.0.1:1", "--tls-fingerprint", "abcd"], /is no SHA-256; give 64 hex digits/],
  [["relay"], /a relay needs a certificate; give --tls-cert FILE and --tls-key FILE, or --tls-generate/],
  [["relay", "--tls-cert", "x"], /--tls-cert comes without --tls-key; give both/],
  [
    ["relay", "--listen", "nowhere", "--tls-generate", "x"],
    /"nowhere" is not an address to listen on; write host:port/,
  ],
  [["publish"], /there is no command "publish"; .*see moqb --help/],
];

describe("usage", () => {
  test("a mistake is answered with the right use", { timeout }, async () => {
    const endings = mistakes.map(([argv]) => bench.moqb(argv).ended);
    for (const [index, [, sentence]] of mistakes.entries())
      expectFailure((await endings[index]) as Ending, 2, sentence);
  });

  test("--help tells usage, flags, defaults and examples of every command", { timeout }, async () => {
    const commands = ["relay", "pub", "sub", "ls", "clock", "demo"];
    const endings = await Promise.all(commands.map((command) => bench.moqb([command, "--help"]).ended));
    for (const [index, { code, stdout }] of endings.entries()) {
      expect(code).toBe(0);
      const usage = `^Usage: moqb ${commands[index]} [\\s\\S]*--[\\s\\S]*Examples:\n  # `;
      expect(stdout.toString()).toMatch(new RegExp(usage));
    }
    expect((await bench.moqb(["--help"]).ended).stdout.toString()).toContain("Exit codes:");
    expect((await bench.moqb(["--version"]).ended).stdout.toString()).toMatch(/^moqb \d+\.\d+\.\d+\n$/);
  });
});

describe("reaching the relay", () => {
  test("nothing listens there", { timeout }, async () => {
    const port = await freePort();
    const ending = await bench.moqb(["ls", `moqt://127.0.0.1:${port}`, "--tls-disable-verify"]).ended;
    expectFailure(ending, 3, new RegExp(`nothing listens at 127.0.0.1:${port}.*; check host and port`));
  });

  test("no such host", { timeout }, async () => {
    const ending = await bench.moqb(["ls", "moqt://no-such-host.invalid:4443"]).ended;
    expectFailure(ending, 3, /no-such-host.invalid.*; check its spelling/);
  });

  test("the certificate is not trusted", { timeout }, async () => {
    const relay = await bench.relay();
    const sentence = new RegExp(
      `the certificate of 127.0.0.1:${relay.port} is not trusted.*; .*--tls-root FILE.*--tls-fingerprint HEX`,
    );
    expectFailure(await bench.moqb(["ls", relay.url]).ended, 4, sentence);
    expectFailure(await bench.moqb(["ls", relay.url, "--tls-fingerprint", "00".repeat(32)]).ended, 4, sentence);
  });

  test("the certificate is trusted by its root, by its fingerprint, or not looked at", { timeout }, async () => {
    const folder = await bench.folder();
    const authority = await createAuthority();
    const leaf = await authority.issue();
    const { chain, key } = await writeCertificate(folder, leaf);
    const root = join(folder, "root.pem");
    await writeFile(root, authority.root);
    const relay = await bench.relay("--tls-cert", chain, "--tls-key", key);
    const fingerprint = Buffer.from(leaf.sha256)
      .toString("hex")
      .toUpperCase()
      .replace(/..(?!$)/g, "$&:");
    for (const trust of [["--tls-root", root], ["--tls-fingerprint", fingerprint], ["--tls-disable-verify"]]) {
      const ending = await bench.moqb(["ls", relay.url, ...trust]).ended;
      expect([ending.code, ending.stderr]).toEqual([0, ""]);
    }
  });

  test("no common ALPN", { timeout }, async () => {
    const certificate = await generateCertificate({ names: ["localhost"] });
    const listener = await listen({ host: "127.0.0.1", port: 0, certificate, alpn: ["h3"], onConnection() {} });
    try {
      const ending = await bench.moqb(["ls", `moqt://127.0.0.1:${listener.address.port}`, "--tls-disable-verify"])
        .ended;
      expectFailure(ending, 5, /no application protocol \(offered here: moq-00\); check that a MoQ relay of draft 14/);
    } finally {
      await listener.close();
    }
  });

  test("no common MoQ version: ours named, and the peer's", { timeout }, async () => {
    const [ours] = versions;
    if (ours === undefined) throw new Error("no version at all");
    const certificate = await generateCertificate({ names: ["localhost"] });
    const theirs = { ...ours, name: "moq-transport-99", setupVersion: 0xff000063 };
    const onConnection = (connection: Connection) => {
      accept(connection, { versions: [theirs] }).catch(() => {});
    };
    const alpn = [ours.protocol];
    const listener = await listen({ host: "127.0.0.1", port: 0, certificate, alpn, onConnection });
    try {
      const url = `moqt://127.0.0.1:${listener.address.port}`;
      const ending = await bench.moqb(["ls", url, "--tls-disable-verify"]).ended;
      expectFailure(ending, 5, /no common version: we speak moq-transport-14.*moq-transport-99.*; one of the two/);
    } finally {
      await listener.close();
    }
  });
});

describe("starting a relay", () => {
  test("the port is in use", { timeout }, async () => {
    const relay = await bench.relay();
    const ending = await bench.moqb(["relay", "--listen", `127.0.0.1:${relay.port}`, "--tls-generate", "localhost"])
      .ended;
    expectFailure(ending, 6, new RegExp(`already listens at 127.0.0.1:${relay.port}; .*--listen`));
  });

  test("the address is not of this machine", { timeout }, async () => {
    const ending = await bench.moqb(["relay", "--listen", "192.0.2.1:4443", "--tls-generate", "localhost"]).ended;
    expectFailure(ending, 6, /192.0.2.1:4443.*; give an address of this machine/);
  });

  test("the certificate or the key cannot be read, or do not fit", { timeout }, async () => {
    const folder = await bench.folder();
    const { chain, key } = await writeCertificate(folder, await selfSigned());
    const other = await writeCertificate(await bench.folder(), await selfSigned());
    const rubbish = join(folder, "rubbish.pem");
    await writeFile(rubbish, "not a certificate\n");
    const start = (cert: string, privateKey: string) =>
      bench.moqb(["relay", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", privateKey]).ended;
    expectFailure(
      await start(`${folder}/none.pem`, key),
      4,
      /certificate chain from .*none.pem.*; give a PEM certificate chain/,
    );
    expectFailure(await start(rubbish, key), 4, /certificate chain from .*rubbish.pem.*; give a PEM certificate chain/);
    expectFailure(
      await start(chain, `${folder}/none.pem`),
      4,
      /private key from .*none.pem.*; give an unencrypted PEM key/,
    );
    expectFailure(await start(chain, rubbish), 4, /private key from .*rubbish.pem.*; give an unencrypted PEM key/);
    expectFailure(await start(chain, other.key), 4, /does not belong to the certificate.*; give the key that/);
  });

  test("the log file cannot be written", { timeout }, async () => {
    const ending = await bench.moqb(["relay", "--tls-generate", "x", "--log-file", "/nowhere/relay.log"]).ended;
    expectFailure(ending, 10, /\/nowhere\/relay.log cannot be written: there is no such file; give another --log-file/);
  });
});

describe("the end of things", () => {
  test("the relay is killed: publisher and subscriber say so within the idle time-out", { timeout }, async () => {
    const relay = await bench.relay();
    const pub = bench.client("pub", relay, ["--broadcast", "x", "--format", "lines"], { input: "open" });
    await relay.seen("publish-namespace-ok");
    const sub = bench.client("sub", relay, ["--broadcast", "x"]);
    await relay.seen("subscribe-ok", { track: "data" });
    relay.moqb.kill("SIGKILL");
    const since = performance.now();
    for (const { ended } of [pub, sub]) {
      expectFailure(await ended, 7, new RegExp(`127.0.0.1:${relay.port}.*; check that the relay runs`));
    }
    expect(performance.now() - since).toBeLessThan(idleMs);
  });

  test("the relay stops: publisher and subscriber say why at once", { timeout }, async () => {
    const relay = await bench.relay();
    const pub = bench.client("pub", relay, ["--broadcast", "x", "--format", "lines"], { input: "open" });
    await relay.seen("publish-namespace-ok");
    const sub = bench.client("sub", relay, ["--broadcast", "x"]);
    await relay.seen("subscribe-ok", { track: "data" });
    relay.moqb.kill("SIGTERM");
    const since = performance.now();
    for (const { ended } of [pub, sub]) expectFailure(await ended, 7, /the relay is stopping.*; /i);
    expect((await relay.moqb.ended).code).toBe(0);
    expect(performance.now() - since).toBeLessThan(4000);
  });

  test("the broadcast ends: the subscriber says so, and all is well", { timeout }, async () => {
    const relay = await bench.relay();
    const pub = bench.client("pub", relay, ["--broadcast", "x", "--format", "lines"], { input: "open" });
    await relay.seen("publish-namespace-ok");
    const sub = bench.client("sub", relay, ["--broadcast", "x"]);
    await relay.seen("subscribe-ok", { track: "data" });
    pub.child.stdin?.end("last words\n");
    const ending = await sub.ended;
    expect(ending.stderr).toBe("moqb: broadcast x ended; 1 group, 11 B received\n");
    expect([ending.code, ending.stdout.toString()]).toEqual([0, "last words\n"]);
  });

  test("the input is no film", { timeout }, async () => {
    const relay = await bench.relay();
    const pub = bench.client("pub", relay, ["--broadcast", "x", "--format", "fmp4"], {
      input: Buffer.from("not a film at all"),
    });
    expectFailure(await pub.ended, 10, /not fragmented MP4.*; make it with ffmpeg/);
  });

  test("the output cannot be written", { timeout }, async () => {
    const relay = await bench.relay();
    bench.client("pub", relay, ["--broadcast", "x", "--format", "lines"], { input: "open" });
    const sub = bench.client("sub", relay, ["--broadcast", "x", "--output", "/nowhere/file"]);
    expectFailure(
      await sub.ended,
      10,
      /\/nowhere\/file cannot be written: there is no such file; give another --output/,
    );
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s ends every program cleanly", { timeout }, async (signal) => {
    const relay = await bench.relay();
    const pub = bench.client("pub", relay, ["--broadcast", "x", "--format", "lines"], { input: "open" });
    await relay.seen("publish-namespace-ok");
    const sub = bench.client("sub", relay, ["--broadcast", "x"]);
    const waiting = bench.client("sub", relay, ["--broadcast", "nobody"]);
    const list = bench.client("ls", relay, ["--follow"]);
    const clock = bench.client("clock", relay, ["--publish"]);
    await relay.seen("subscribe-ok", { track: "data" });
    await relay.seen("subscribe-error", { namespace: "nobody" });
    await list.until(({ stdout }) => stdout.includes("+ clock"));
    for (const program of [sub, waiting, list, clock, pub, relay.moqb]) {
      program.kill(signal);
      const ending = await program.ended;
      const problems = ending.stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
      expect([ending.code, ending.signal, problems]).toEqual([0, null, []]);
    }
  });
});

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
