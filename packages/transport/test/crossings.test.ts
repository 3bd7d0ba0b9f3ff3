/** How often the loop goes into the engine, and that a burst is taken in before any of it is processed. */
import { Engine } from "@moqingbird/engine";
import { afterEach, expect, test, vi } from "vitest";
import { ByteReader } from "../src/byte-reader.ts";
import { ByteWriter } from "../src/byte-writer.ts";
import { Runtime } from "../src/quic/runtime.ts";
import { executor, runtime } from "../src/quic/thread.ts";
import { closeAll, pair, pattern } from "./support/pair.ts";

/** Ingest and its events, pump and its events. */
const callsPerTurn = 4;
/** Where timers are due: to fire them, and their events. */
const callsPerFiring = 2;
/** What a turn builds at most. */
const packetsPerTurn = 128;

afterEach(async () => {
  vi.restoreAllMocks();
  await closeAll();
});

const nextTurn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test.each([
  { arrive: 1, ahead: [], taken: 1, dropped: 0 },
  { arrive: 300, ahead: [], taken: 300, dropped: 0 },
  { arrive: 600, ahead: [512], taken: 88, dropped: 0 },
  { arrive: 3000, ahead: [512, 512, 512, 512], taken: 512, dropped: 440 },
])("of a burst of $arrive packets the last pass takes $taken", async ({ arrive, ahead, taken, dropped }) => {
  const loop = new Runtime();
  const batches = vi.spyOn(Engine.prototype, "ingest");
  for (let i = 0; i < arrive; i++) loop.receive(pattern(40, i), 1, 0, 0);
  const passes = () => batches.mock.calls.map(([count]) => count);
  expect(passes()).toEqual(ahead);
  await nextTurn();
  expect(passes()).toEqual([...ahead, taken]);
  expect(loop.droppedPackets).toBe(dropped);
});

test("a turn costs four calls, two more where timers are due, and a packet less than one for its data", async () => {
  const reader = new ByteReader();
  const { client } = await pair({ serve: () => ({ stream: () => reader }) });
  const { engine } = runtime();
  const data = (["credit", "activate"] as const).map((name) => vi.spyOn(Engine.prototype, name));
  const dataCalls = () => data.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  let firings = 0;
  const { timers } = Engine.prototype;
  vi.spyOn(Engine.prototype, "timers").mockImplementation(function (this: Engine, now) {
    const before = this.calls;
    const next = timers.call(this, now);
    firings += this.calls - before;
    return next;
  });
  const before = executor().counters;
  const callsBefore = engine.calls;
  const writer = new ByteWriter();
  client.openUnidirectional(writer);
  const size = 2_000_000;
  writer.write(pattern(size));
  writer.finish();
  let received = 0;
  for await (const chunk of reader) received += chunk.length;
  expect(received).toBe(size);
  const after = executor().counters;
  const turns = after.turns - before.turns + 1; // the one under way counts itself when it is over
  const packets = after.packetsSent - before.packetsSent + packetsPerTurn;
  expect(engine.calls - callsBefore - dataCalls()).toBeLessThanOrEqual(turns * callsPerTurn + firings * callsPerFiring);
  expect(dataCalls()).toBeLessThan(packets);
});
