import { BroadcastProducer, Cache } from "@moqingbird/model";
import { expect, test } from "vitest";
import { cacheLimit, guardMemory } from "../src/memory-guard.ts";

const mega = 1_000_000;

test("the cache keeps its capacity until the process takes three quarters of its bound", () => {
  expect(cacheLimit(64 * mega, 225 * mega, 300 * mega)).toBe(64 * mega);
  expect(cacheLimit(64 * mega, 235 * mega, 300 * mega)).toBe(44 * mega);
});

test("the cache keeps an eighth whatever happens", () => {
  expect(cacheLimit(64 * mega, 900 * mega, 300 * mega)).toBe(8 * mega);
});

test("a process above its bound shrinks the cache, and one below gives it back", async () => {
  const cache = new Cache({ capacityBytes: 64 * mega });
  const settled = async (limit: number) => expect.poll(() => cache.limitBytes, { interval: 10 }).toBe(limit);
  const tight = guardMemory(cache, 1);
  await settled(8 * mega);
  tight.stop();
  const roomy = guardMemory(cache, 100_000 * mega);
  await settled(64 * mega);
  roomy.stop();
});

test("a burst is met before the timer looks", () => {
  const cache = new Cache({ capacityBytes: 64 * mega });
  const guard = guardMemory(cache, 1);
  const broadcast = new BroadcastProducer({ cache });
  broadcast
    .createTrack("video")
    .appendGroup()
    .writeObject(new Uint8Array(3 * mega));
  expect(cache.limitBytes).toBe(8 * mega);
  guard.stop();
});
