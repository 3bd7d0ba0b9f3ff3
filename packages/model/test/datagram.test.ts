import { expect, test } from "vitest";
import { ObjectStatus } from "../src/index.ts";
import { stage, text, Viewer } from "./support.ts";

test("a datagram reaches every subscriber unchanged and moves the largest location", () => {
  const { broadcast, cache } = stage();
  const track = broadcast.createTrack("clock", { priority: 9 });
  const viewer = new Viewer();
  broadcast.consume().track("clock").subscribe({ listener: viewer });
  const payload = text("tick");
  track.datagram({ group: 4, object: 2, payload, extensions: text("e"), endOfGroup: true, priority: 1 });
  track.datagram({ group: 4, object: 3, status: ObjectStatus.endOfGroup });
  payload.fill(0);
  expect(viewer.datagrams).toEqual(
    [
      { group: 4, object: 2, priority: 1, status: 0, endOfGroup: true, extensions: text("e"), payload: text("tick") },
      { group: 4, object: 3, priority: 9, status: 3, endOfGroup: false, extensions: text(""), payload: text("") },
    ].map((datagram) => ({ ...datagram, receivedAtMs: cache.now() })),
  );
  expect(track.largest).toEqual({ group: 4, object: 3 });
});

test("a late subscriber gets the kept datagrams of the newest group, oldest first", () => {
  const { broadcast } = stage();
  const track = broadcast.createTrack("clock", { maxDatagrams: 3 });
  for (const [group, object] of [
    [0, 0],
    [1, 0],
    [1, 1],
    [1, 2],
    [1, 3],
  ] as const) {
    track.datagram({ group, object });
  }
  const viewer = new Viewer();
  const consumer = broadcast.consume().track("clock");
  consumer.subscribe({ listener: viewer });
  expect(viewer.datagrams.map((d) => d.object)).toEqual([1, 2, 3]);
  const fresh = new Viewer();
  consumer.subscribe({ start: "next-object", listener: fresh });
  track.datagram({ group: 1, object: 4 });
  expect(fresh.datagrams.map((d) => d.object)).toEqual([4]);
});

test("one track carries datagrams and subgroups side by side", () => {
  const { broadcast } = stage();
  const track = broadcast.createTrack("mixed");
  const viewer = new Viewer();
  broadcast.consume().track("mixed").subscribe({ listener: viewer });
  track.group(0).writeObject(text("stream"));
  track.datagram({ group: 1, object: 0, payload: text("datagram") });
  expect(track.appendGroup().id).toBe(2);
  expect([viewer.payloads, viewer.datagrams.length]).toEqual([["stream"], 1]);
});

test("kept datagrams are charged, and give way to groups", () => {
  const { cache, broadcast } = stage({ capacityBytes: 20_000 });
  const track = broadcast.createTrack("clock", { maxDatagrams: 5 });
  for (let object = 0; object < 1000; object++) {
    track.datagram({ group: 0, object, payload: new Uint8Array(1000) });
    expect(cache.usedBytes).toBeLessThanOrEqual(cache.capacityBytes);
  }
  expect(cache.usedBytes).toBeGreaterThan(5 * 1000);
  broadcast.createTrack("video").group(0).writeObject(new Uint8Array(12_000));
  const viewer = new Viewer();
  broadcast.consume().track("clock").subscribe({ listener: viewer });
  expect(viewer.datagrams).toEqual([]);
  track.datagram({ group: 0, object: 1000 });
  expect(cache.usedBytes).toBeGreaterThan(0);
});

test("kept datagrams are freed when the track has ended and nobody holds it", () => {
  const { cache, broadcast } = stage();
  broadcast.createTrack("clock").datagram({ group: 0, object: 0, payload: text("tick") });
  broadcast.finish();
  expect(cache.usedBytes).toBe(0);
});

test("a datagram with a payload has status normal", () => {
  const track = stage().broadcast.createTrack("clock");
  expect(() => track.datagram({ group: 0, object: 0, status: ObjectStatus.endOfGroup, payload: text("x") })).toThrow(
    /cannot have a payload/,
  );
  expect(() => track.datagram({ group: -1, object: 0 })).toThrow(/The group is -1/);
  expect(() => track.datagram({ group: 0, object: 0, priority: 256 })).toThrow(/priority is 256/);
});
