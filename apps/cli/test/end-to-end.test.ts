/** pub, relay and sub as processes of their own over UDP: what goes in comes out. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createAuthority, writeCertificate } from "@moqingbird/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Bench } from "./processes.ts";
import { randomSource } from "./random.ts";

const clip = readFileSync(new URL("../assets/clip.mp4", import.meta.url));
const timeout = 30_000;
let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.clear());

test("bytes arrive equal at three subscribers that waited for the publisher", { timeout }, async () => {
  const random = randomSource();
  const input = random.bytes(5_000_000);
  const relay = await bench.relay();
  const file = join(await bench.folder(), "received");
  const sub = ["--broadcast", "files/random"];
  const subs = [sub, sub, [...sub, "--output", file]].map((argv) => bench.client("sub", relay, argv));
  for (const session of ["1", "2", "3"]) await relay.seen("subscribe-error", { session, track: "data", code: 4 });
  const pub = bench.client("pub", relay, [...sub, "--wait", "--rate", "80M"], { input });
  const [published, ...received] = await Promise.all([pub.ended, ...subs.map(({ ended }) => ended)]);
  expect([published.code, published.stderr]).toEqual([0, ""]);
  for (const { code, stderr } of received) {
    expect(stderr).toBe("moqb: broadcast files/random ended; 2 groups, 5.0 MB received\n");
    expect(code).toBe(0);
  }
  const outputs = [received[0]?.stdout, received[1]?.stdout, await readFile(file)];
  for (const output of outputs) expect(output?.equals(input), `seed ${random.seed}`).toBe(true);
  const upstream = relay.log.filter(({ event, track }) => event === "upstream-subscribe" && track === "data");
  expect(upstream).toHaveLength(1);
});

test("bytes published over WebTransport arrive equal over WebTransport, WebSocket and raw QUIC", {
  timeout,
}, async () => {
  const random = randomSource();
  const input = random.bytes(5_000_000);
  const relay = await bench.relay();
  const web = { url: `${relay.url.replace("moqt:", "https:")}/rooms/1` };
  const flags = ["--broadcast", "files/random"];
  const socket = { url: `${relay.url.replace("moqt:", "wss:")}/rooms/1` };
  const subs = [web, relay, socket].map((target) => bench.client("sub", target, flags));
  for (const session of ["1", "2", "3"]) await relay.seen("subscribe-error", { session, track: "data" });
  const pub = bench.client("pub", web, [...flags, "--wait", "--rate", "80M"], { input });
  const [published, ...received] = await Promise.all([pub.ended, ...subs.map(({ ended }) => ended)]);
  expect([published.code, published.stderr]).toEqual([0, ""]);
  for (const { code, stdout } of received) {
    expect(code).toBe(0);
    expect(stdout.equals(input), `seed ${random.seed}`).toBe(true);
  }
  const opened = relay.log.filter(({ event }) => event === "session-open");
  expect(opened.map(({ transport }) => transport).sort()).toEqual([
    "quic",
    "websocket",
    "webtransport",
    "webtransport",
  ]);
});

test("a relay shows the certificates that its files hold now, read again at SIGHUP", { timeout }, async () => {
  const authority = await createAuthority();
  const [folder, other] = [await bench.folder(), await bench.folder()];
  const first = await writeCertificate(folder, await authority.issue());
  const second = await writeCertificate(other, await authority.issue(["relay.test"]));
  const flags = [first, second].flatMap(({ chain, key }) => ["--tls-cert", chain, "--tls-key", key]);
  const relay = await bench.relay(...flags);
  const fingerprint = async (host: string) => {
    const request = get({ port: relay.port, path: "/certificate.sha256", headers: { host } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return (await text(response)).trim();
  };
  const before = [await fingerprint("localhost"), await fingerprint("relay.test")];
  const fresh = await authority.issue();
  await writeCertificate(folder, fresh);
  relay.moqb.child.kill("SIGHUP");
  await relay.seen("certificates-changed");
  const sha256 = Buffer.from(fresh.sha256).toString("hex");
  expect([await fingerprint("localhost"), await fingerprint("relay.test")]).toEqual([sha256, before[1]]);
  expect(before[0]).not.toBe(sha256);
  const pinned = bench.moqb(["ls", relay.url, "--tls-fingerprint", sha256]);
  const told = bench.moqb(["ls", relay.url.replace("moqt:", "http:")]);
  expect([(await pinned.ended).code, (await told.ended).code]).toEqual([0, 0]);
  await writeFile(first.chain, "rubbish");
  relay.moqb.child.kill("SIGHUP");
  expect((await relay.seen("certificates-unusable")).reason).toContain(first.chain);
});

test("the relay has a page to watch with on its TCP port, unless told otherwise", { timeout }, async () => {
  const [relay, bare] = await Promise.all([bench.relay(), bench.relay("--no-tcp")]);
  const page = await fetch(`http://127.0.0.1:${relay.port}/?broadcast=film`);
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(await page.text()).toContain('<script type="module" src="watch.js">');
  expect((await fetch(`http://127.0.0.1:${relay.port}/health`)).status).toBe(200);
  await expect(fetch(`http://127.0.0.1:${bare.port}/health`)).rejects.toThrow("fetch failed");
});

test("lines arrive one by one, as they are written", { timeout }, async () => {
  const relay = await bench.relay();
  const pub = bench.client("pub", relay, ["--broadcast", "log", "--format", "lines"], { input: "open" });
  await relay.seen("publish-namespace-ok");
  const sub = bench.client("sub", relay, ["--broadcast", "log"]);
  await relay.seen("subscribe-ok", { track: "data" });
  for (const line of ["one\n", "two\n", "three"]) {
    pub.child.stdin?.write(line);
    if (line.endsWith("\n")) await sub.until(({ stdout }) => stdout.toString().endsWith(line));
  }
  pub.child.stdin?.end();
  expect((await sub.ended).stdout.toString()).toBe("one\ntwo\nthree");
  expect((await pub.ended).code).toBe(0);
});

test("a film arrives with every fragment", { timeout }, async () => {
  const relay = await bench.relay();
  const sub = bench.client("sub", relay, ["--broadcast", "film"]);
  await relay.seen("subscribe-error");
  const pub = bench.client("pub", relay, ["--broadcast", "film", "--format", "fmp4", "--wait", "--rate", "1M"], {
    input: clip,
  });
  const [published, received] = await Promise.all([pub.ended, sub.ended]);
  expect(published.stderr).toBe("");
  expect(received.code, received.stderr).toBe(0);
  expect(fragments(received.stdout)).toEqual(fragments(clip));
});

test("one track of a film can be had alone", { timeout }, async () => {
  const relay = await bench.relay();
  const pub = bench.client("pub", relay, ["--broadcast", "film", "--format", "fmp4"], { input: "open" });
  pub.child.stdin?.write(clip);
  await relay.seen("publish-namespace-ok");
  const sub = bench.client("sub", relay, ["--broadcast", "film", "--track", "0.mp4"]);
  await sub.until(({ stdout }) => stdout.length > 0 && stdout.subarray(4, 8).toString() === "ftyp");
  pub.child.stdin?.end();
  expect(clip.indexOf((await sub.ended).stdout)).toBe(0);
});

test("ls lists what is there, and follows what comes and goes", { timeout }, async () => {
  const relay = await bench.relay();
  const publish = (path: string) => bench.client("pub", relay, ["--broadcast", path], { input: "open" });
  const [first] = ["live/a", "live/b", "other"].map(publish);
  for (const namespace of ["live/a", "live/b", "other"]) await relay.seen("publish-namespace-ok", { namespace });
  const list = async (...argv: string[]) => (await bench.client("ls", relay, argv).ended).stdout.toString();
  expect(await list()).toBe("live/a\nlive/b\nother\n");
  expect((await list("--prefix", "live")).split("\n").sort()).toEqual(["", "live/a", "live/b"]);
  for (const argv of [["--follow"], ["--follow", "--prefix", "live"]]) {
    const following = bench.client("ls", relay, argv);
    await following.until(({ stdout }) => stdout.includes("+ live/a\n") && stdout.includes("+ live/b\n"));
    if (argv.length > 1) first?.kill("SIGTERM");
    if (argv.length > 1) await following.until(({ stdout }) => stdout.includes("- live/a\n"));
    following.kill("SIGINT");
    expect((await following.ended).code).toBe(0);
  }
});

test("the clock is told by streams and by datagrams", { timeout }, async () => {
  const relay = await bench.relay();
  const time = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
  for (const [broadcast, mode] of [
    ["streams", []],
    ["datagrams", ["--datagrams"]],
  ] as const) {
    const pub = bench.client("clock", relay, ["--publish", "--broadcast", broadcast, ...mode]);
    await relay.seen("publish-namespace-ok", { namespace: broadcast });
    const sub = bench.client("clock", relay, ["--broadcast", broadcast]);
    const lines = await sub.until(({ stdout }) => {
      const all = stdout.toString().split("\n").slice(0, -1);
      return all.length >= 2 ? all : undefined;
    });
    for (const line of lines) expect(line).toMatch(time);
    pub.kill("SIGTERM");
    expect((await pub.ended).code).toBe(0);
    const ending = await sub.ended;
    expect(ending.stderr).toBe(`moqb: broadcast ${broadcast} ended; start again when its publisher is back\n`);
  }
});

test("the demo shows its table and finds every frame", { timeout }, async () => {
  const demo = bench.moqb(["demo", "--seconds", "6"]);
  const { code, stdout, stderr } = await demo.ended;
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout.toString()).toMatch(/late viewer +live +\d+ +\d+/);
});

/** The file's moof and mdat boxes as hex, sorted: tracks may mix differently on the way. */
function fragments(file: Uint8Array): string[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: string[] = [];
  for (let at = 0; at < file.length; at += view.getUint32(at)) {
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const bytes = Buffer.from(file.subarray(at, at + view.getUint32(at)));
    if (["ftyp", "moov", "moof", "mdat"].includes(type)) found.push(`${type} ${bytes.toString("hex")}`);
  }
  return found.sort();
}
