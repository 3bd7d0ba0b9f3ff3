import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { BroadcastProducer, Cache, type TrackProducer } from "../src/index.ts";
import { stage, text, Viewer } from "./support.ts";

function writeGroup(track: TrackProducer, bytes: number): number {
  const group = track.appendGroup();
  group.writeObject(new Uint8Array(bytes));
  group.finish();
  return group.id;
}

/** Ids of the groups a subscriber finds stored. */
function stored(broadcast: BroadcastProducer, name: string): number[] {
  const consumer = broadcast.consume().track(name);
  const viewer = new Viewer();
  consumer.subscribe({ start: { group: 0, object: 0 }, listener: viewer });
  consumer.close();
  return viewer.groups;
}

describe("age", () => {
  test("removes a complete group after the retention time, but never the newest of a live track", async () => {
    const { clock, cache, broadcast } = stage({ retentionMs: 5000 });
    const track = broadcast.createTrack("video");
    writeGroup(track, 10);
    await clock.advance(60_000);
    expect(stored(broadcast, "video")).toEqual([0]);
    writeGroup(track, 10);
    await clock.advance(4999);
    expect(stored(broadcast, "video")).toEqual([0, 1]);
    await clock.advance(1);
    expect(stored(broadcast, "video")).toEqual([1]);
    await clock.advance(3_600_000);
    expect(stored(broadcast, "video")).toEqual([1]);
    expect(cache.expiredGroups).toBe(1);
  });

  test("counts from when the last open subgroup of an overtaken group closed", async () => {
    const { clock, broadcast } = stage({ retentionMs: 1000 });
    const track = broadcast.createTrack("video");
    const slow = track.group(0).subgroup(0);
    slow.writeObject(text("a"));
    writeGroup(track, 1);
    await clock.advance(10_000);
    slow.writeObject(text("b"));
    slow.finish();
    await clock.advance(999);
    expect(stored(broadcast, "video")).toEqual([0, 1]);
    await clock.advance(1);
    expect(stored(broadcast, "video")).toEqual([1]);
  });

  test("is the track's own where it gives one", async () => {
    const { clock, broadcast } = stage({ retentionMs: 1000 });
    const long = broadcast.createTrack("long", { retentionMs: 3000 });
    const none = broadcast.createTrack("none", { retentionMs: 0 });
    const ever = broadcast.createTrack("ever", { retentionMs: Number.POSITIVE_INFINITY });
    for (const track of [long, none, ever]) {
      writeGroup(track, 1);
      writeGroup(track, 1);
    }
    await clock.advance(0);
    expect(stored(broadcast, "none")).toEqual([1]);
    await clock.advance(2999);
    expect(stored(broadcast, "long")).toEqual([0, 1]);
    await clock.advance(1);
    expect(stored(broadcast, "long")).toEqual([1]);
    await clock.advance(1e9);
    expect(stored(broadcast, "ever")).toEqual([0, 1]);
  });

  test("tells a reader who is still in the group, and only such a reader", async () => {
    const { clock, broadcast } = stage({ retentionMs: 1000 });
    const track = broadcast.createTrack("video");
    const consumer = broadcast.consume().track("video");
    const fast = new Viewer();
    const slow = new Viewer({ slow: true });
    consumer.subscribe({ listener: fast });
    const subscription = consumer.subscribe({ listener: slow });
    writeGroup(track, 10);
    writeGroup(track, 10);
    const [first, second] = slow.subgroups;
    let woken = 0;
    if (first !== undefined) first.reader.onProgress = () => woken++;
    first?.read(3);
    await clock.advance(1000);
    expect(slow.drops).toEqual([{ group: 0, reason: "expired" }]);
    expect(fast.drops).toEqual([]);
    expect(woken).toBe(1);
    expect(first?.reader).toMatchObject({ state: "reset", dropped: "expired", hasObject: false, done: false });
    expect(first?.reader.read(new Uint8Array(8), 0, 8)).toBe(0);
    expect(second?.reader).toMatchObject({ state: "finished", dropped: undefined, availableBytes: 10 });
    expect(subscription.backlogBytes).toBe(10);
  });

  test("lets a finished track go once nobody reads it, and leaves no timer behind", async () => {
    const { clock, cache, broadcast } = stage({ retentionMs: 1000 });
    const track = broadcast.createTrack("video");
    const consumer = broadcast.consume().track("video");
    const viewer = new Viewer({ slow: true });
    consumer.subscribe({ listener: viewer });
    writeGroup(track, 10);
    broadcast.finish();
    await clock.advance(999);
    expect(cache.usedBytes).toBeGreaterThan(10);
    await clock.advance(1);
    expect(viewer.drops).toEqual([{ group: 0, reason: "expired" }]);
    expect(cache.usedBytes).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("spares the newest group of a finished track while its broadcast hands it out", async () => {
    const { clock, cache, broadcast } = stage({ retentionMs: 1000 });
    const track = broadcast.createTrack("init");
    writeGroup(track, 10);
    track.finish();
    await clock.advance(60_000);
    const viewer = new Viewer();
    const consumer = broadcast.consume().track("init");
    consumer.subscribe({ listener: viewer });
    expect(viewer.groups).toEqual([0]);
    expect(viewer.endings).toMatchObject([{ code: "finished" }]);
    consumer.close();
    broadcast.finish();
    expect(cache.usedBytes).toBe(0);
  });
});

describe("the byte budget", () => {
  test("takes complete groups first, oldest first over all tracks, then overtaken open ones, then the fattest newest", () => {
    const { cache, broadcast } = stage({ capacityBytes: 100_000 });
    const a = broadcast.createTrack("a");
    const b = broadcast.createTrack("b");
    const openA = a.group(0).subgroup(0);
    openA.writeObject(new Uint8Array(10_000));
    writeGroup(a, 10_000); // a1
    writeGroup(b, 10_000); // b0
    writeGroup(b, 10_000); // b1: b0 is complete now
    writeGroup(a, 10_000); // a2: a1 is complete now
    const pressure = broadcast.createTrack("pressure");
    const group = pressure.group(0);
    let pieces = 0;
    const left = () => [stored(broadcast, "a"), stored(broadcast, "b")];
    const push = (used: number) => {
      while (cache.evictedGroups < used) group.subgroup(pieces++).writeObject(new Uint8Array(1000));
      expect(cache.evictedGroups).toBe(used);
      return left();
    };
    expect(left()).toEqual([
      [0, 1, 2],
      [0, 1],
    ]);
    expect(push(1)).toEqual([[0, 1, 2], [1]]);
    expect(push(2)).toEqual([[0, 2], [1]]);
    expect(push(3)).toEqual([[2], [1]]);
    // Only newest groups are left; the one that grows is the fattest and goes itself.
    expect(push(4)).toEqual([[2], [1]]);
    expect(group.discarding).toBe(true);
    expect(stored(broadcast, "pressure")).toEqual([]);
  });

  test("evicts a newest group with a word to its readers, discards the rest of it, and goes on with the next", () => {
    const { cache, broadcast } = stage({ capacityBytes: 20_000 });
    const track = broadcast.createTrack("video");
    const consumer = broadcast.consume().track("video");
    const viewer = new Viewer({ slow: true });
    consumer.subscribe({ listener: viewer });
    const group = track.group(0);
    const subgroup = group.subgroup(0);
    for (let i = 0; i < 30; i++) subgroup.writeObject(new Uint8Array(1000));
    expect(viewer.drops).toEqual([{ group: 0, reason: "evicted" }]);
    expect(subgroup).toMatchObject({ state: "open", discarding: true });
    expect(group.subgroup(1).discarding).toBe(true);
    expect(viewer.subgroups.length).toBe(1);
    subgroup.finish();
    expect(cache.usedBytes).toBe(0);
    track.group(1).writeObject(text("fine"));
    expect(viewer.groups).toEqual([0, 1]);
    expect(viewer.drops.length).toBe(1);
  });

  test("believes a declared size only up to 4 KiB", () => {
    const { cache, broadcast } = stage();
    const track = broadcast.createTrack("video");
    const subgroup = track.group(0).subgroup(0);
    subgroup.begin(0, 2 ** 40);
    subgroup.write(text("x"));
    expect(cache.usedBytes).toBeLessThan(10_000);
  });

  test("holds in real memory for millions of tiny objects and thousands of groups", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const real = () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const capacityBytes = 16 * 1024 * 1024;
    const { cache, broadcast } = stage({ capacityBytes, retentionMs: Number.POSITIVE_INFINITY });
    const track = broadcast.createTrack("tiny");
    const other = broadcast.createTrack("groups");
    const byte = new Uint8Array(1);
    const before = real();
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      const group = track.appendGroup();
      for (let j = 0; j < 100; j++) group.writeObject(byte);
      group.finish();
      other.appendGroup().subgroup(0).reset(0);
      most = Math.max(most, cache.usedBytes);
    }
    expect(most).toBeLessThanOrEqual(capacityBytes);
    expect(cache.usedBytes).toBeGreaterThan(capacityBytes * 0.9);
    expect(cache.evictedGroups).toBeGreaterThan(5000);
    expect(real() - before).toBeLessThan(capacityBytes * 1.1);
    broadcast.abort(0);
    expect(cache.usedBytes).toBe(0);
    expect(real() - before).toBeLessThan(capacityBytes * 0.1);
  });

  test("of nothing at all stores nothing and breaks nothing", () => {
    const cache = new Cache({ capacityBytes: 0 });
    const broadcast = new BroadcastProducer({ cache });
    const track = broadcast.createTrack("video");
    const viewer = new Viewer();
    broadcast.consume().track("video").subscribe({ listener: viewer });
    const subgroup = track.group(0).subgroup(0);
    subgroup.writeObject(text("a"));
    subgroup.finish();
    track.datagram({ group: 1, object: 0, payload: text("b") });
    expect(viewer.subgroups).toEqual([]);
    expect(viewer.datagrams.length).toBe(1);
    expect(cache.usedBytes).toBe(0);
  });

  test("refuses options that mean nothing", () => {
    expect(() => new Cache({ capacityBytes: -1 })).toThrow(/capacityBytes is -1/);
    expect(() => new Cache({ retentionMs: Number.NaN })).toThrow(/retentionMs is NaN/);
  });
});
