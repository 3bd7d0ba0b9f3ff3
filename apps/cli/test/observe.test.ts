/** What `moqb` shows of its inside when it is asked to: key logs, qlog, the trace of the loop. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readQlog } from "@moqingbird/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loopSentence } from "../src/observe.ts";
import { Bench } from "./processes.ts";

const timeout = 30_000;
let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.clear());

test("a broadcast is watched from all sides: qlog, TLS secrets, the loop", { timeout }, async () => {
  const folder = await bench.folder();
  const [logs, keys] = [join(folder, "qlog"), join(folder, "keys.log")];
  const relay = await bench.relay("--qlog", logs, "--trace");
  const env = { SSLKEYLOGFILE: keys, QLOGDIR: logs };
  const pub = bench.client("pub", relay, ["--broadcast", "live/x", "--trace"], { input: "open", env });
  pub.child.stdin?.write("some bytes");
  await relay.seen("publish-namespace-ok");
  const sub = bench.client("sub", relay, ["--broadcast", "live/x"], { env: { QLOGDIR: logs } });
  await relay.seen("subscribe-ok", { track: "data" });
  pub.child.stdin?.end();
  const [published, received] = await Promise.all([pub.ended, sub.ended]);
  expect([published.code, received.code]).toEqual([0, 0]);
  expect(received.stdout.toString()).toBe("some bytes");

  expect(published.stderr).toContain(
    `moqb: SSLKEYLOGFILE is set: TLS secrets go to ${keys}, and who has them can read`,
  );
  expect(published.stderr).toMatch(/moqb: loop: \d+ turns in \d\.\d s \(/);
  expect(received.stderr).not.toMatch(/SSLKEYLOGFILE|loop/);
  const lines = (await readFile(keys, "utf8")).trimEnd().split("\n");
  expect(lines).toHaveLength(5);
  expect((await stat(keys)).mode & 0o777).toBe(0o600);

  await relay.seen("loop");
  const closed = await relay.seen("session-closed");
  for (const name of ["rttMicros", "minRttMicros", "sentPackets", "receivedPackets", "acceptedStreams"])
    expect(closed[name], name).toBeGreaterThan(0);
  relay.moqb.child.kill("SIGTERM");
  expect((await relay.moqb.ended).code).toBe(0);
  const names = await readdir(logs);
  expect(names.filter((name) => name.endsWith("_server.sqlog"))).toHaveLength(2);
  expect(names.filter((name) => name.endsWith("_client.sqlog"))).toHaveLength(2);
  for (const name of names) {
    const { events } = readQlog(await readFile(join(logs, name), "utf8"));
    expect(events.filter((event) => event.name === "transport:packet_sent").length, name).toBeGreaterThan(3);
  }
});

test("a key log or a qlog directory that cannot be written is a sentence, not a surprise later", {
  timeout,
}, async () => {
  const folder = await bench.folder();
  const argv = ["ls", "moqt://127.0.0.1:1", "--tls-disable-verify"];
  const keys = await bench.moqb(argv, { env: { SSLKEYLOGFILE: folder } }).ended;
  expect([keys.code, keys.stderr]).toEqual([
    10,
    `moqb: SSLKEYLOGFILE ${folder} cannot be written: it is a directory; give another file, or unset it\n`,
  ]);
  await writeFile(join(folder, "file"), "");
  const qlog = await bench.moqb([...argv, "--qlog", join(folder, "file", "below")]).ended;
  expect(qlog.code).toBe(2);
  expect(qlog.stderr).toContain("qlog");
});

test("the loop's sentence has turns, reasons, packets, lag and load", () => {
  const summary = {
    spanMicros: 1_000_000,
    turns: 4,
    missedTurns: 0,
    reasons: { packets: 3, timer: 1 },
    packetsReceived: 10,
    packetsSent: 6,
    maxPacketsPerTurn: 5,
    tasks: 2,
    timers: 1,
    busyMicros: 120_000,
    meanLagMicros: 150,
    maxLagMicros: 2000,
  };
  expect(loopSentence(summary)).toBe(
    "4 turns in 1.0 s (packets 3, timer 1); 2.5 packets in and 1.5 out a turn, at most 5; 2 tasks, 1 timers; lag 0.15 ms, at most 2.00; 12 % busy",
  );
  expect(loopSentence({ ...summary, turns: 0, reasons: {}, missedTurns: 7 })).toContain("0 turns in 1.0 s; 0 packets");
});
