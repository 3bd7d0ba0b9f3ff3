/** How things end: who notices, how soon, in which words. */
import { expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import { startMoqb, startRelay, trust } from "../../src/lab/ours.ts";
import { startMoqClock } from "../../src/lab/peers.ts";

const idleMs = 10_000;
/** The idle time-out, which starts anew with the first packet sent into the silence: a keep-alive, 4 s later at most. */
const noticeMs = idleMs + 4_000 + 2_000;

test("publisher and subscriber both say so when the relay is killed", async ({ lab }) => {
  const relay = await startRelay(lab);
  const publisher = startMoqb(lab, ["clock", relay.url, "--publish", ...trust(lab)]);
  await relay.log.until({ event: "publish-namespace-ok" });
  const subscriber = startMoqb(lab, ["clock", relay.url, ...trust(lab)]);
  await subscriber.matches(/\d\d:\d\d:\d\d$/, 2);
  relay.program.signal("SIGKILL");
  const started = performance.now();
  for (const program of [publisher, subscriber]) {
    expect(await program.exits(idleMs), program.name).toEqual({ code: 7, signal: null });
    expect(program.lines.filter((line) => line.startsWith("moqb: "))).toEqual([expect.stringContaining("any more")]);
  }
  expect(performance.now() - started).toBeLessThan(idleMs);
});

test("a relay told to end closes every session, and both sides end at once", async ({ lab }) => {
  const relay = await startRelay(lab);
  const publisher = startMoqb(lab, ["clock", relay.url, "--publish", ...trust(lab)]);
  await relay.log.until({ event: "publish-namespace-ok" });
  const subscriber = startMoqb(lab, ["clock", relay.url, ...trust(lab)]);
  await subscriber.matches(/\d\d:\d\d:\d\d$/, 2);
  relay.program.signal("SIGTERM");
  expect(await relay.program.exits(5_000)).toEqual({ code: 0, signal: null });
  for (const program of [publisher, subscriber]) {
    expect(await program.exits(5_000), program.name).toEqual({ code: 7, signal: null });
  }
});

test("a publisher that says goodbye ends its tracks at once, and a peer's subscriber with them", async ({ lab }) => {
  const relay = await startRelay(lab);
  const publisher = startMoqb(lab, ["pub", relay.url, "--broadcast", "talk", "--format", "lines", ...trust(lab)]);
  await relay.log.until({ event: "publish-namespace-ok", namespace: "talk" });
  publisher.stdin.write("one\n");
  const subscriber = startMoqb(lab, ["sub", relay.url, "--broadcast", "talk", ...trust(lab)]);
  await subscriber.line(/^one$/);
  publisher.stdin.end("two\n");
  expect(await publisher.exits(5_000)).toEqual({ code: 0, signal: null });
  expect(await subscriber.exits(5_000)).toEqual({ code: 0, signal: null });
  expect(subscriber.lines).toContain("two");
  await relay.log.until({ event: "namespace-gone", namespace: "talk" });
});

test("a publisher that vanishes ends its tracks within the idle time-out", async ({ lab }) => {
  const relay = await startRelay(lab);
  const publisher = startMoqClock(lab, relay.url, { publish: true });
  await relay.log.until({ event: "publish-namespace-ok", namespace: "clock" });
  const ours = startMoqb(lab, ["clock", relay.url, ...trust(lab)]);
  const theirs = startMoqClock(lab, relay.url);
  await Promise.all([ours.matches(/\d\d:\d\d:\d\d$/, 2), theirs.matches(/\d\d:\d\d:\d\d$/, 2)]);
  publisher.signal("SIGKILL");
  await relay.log.until({ event: "namespace-gone", namespace: "clock" }, noticeMs);
  await relay.log.until({ event: "publish-done", namespace: "clock" });
  expect((await ours.exits(5_000)).signal).toBeNull();
  expect((await theirs.exits(5_000)).signal).toBeNull();
  // The name is free again.
  const next = startMoqClock(lab, relay.url, { publish: true });
  await relay.log.count({ event: "publish-namespace-ok", namespace: "clock" }, 2);
  const again = startMoqClock(lab, relay.url);
  expect(next.lines).toEqual(expect.arrayContaining(await again.matches(/\d\d:\d\d:\d\d$/, 1)));
});
