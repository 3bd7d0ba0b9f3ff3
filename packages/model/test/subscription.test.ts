import { describe, expect, test } from "vitest";
import type { TrackProducer } from "../src/index.ts";
import { stage, text, Viewer } from "./support.ts";

function filled(groups = 3) {
  const { broadcast, ...rest } = stage();
  const track = broadcast.createTrack("video");
  for (let id = 0; id < groups; id++) writeGroup(track, id);
  const consumer = broadcast.consume().track("video");
  return { ...rest, broadcast, track, consumer };
}

function writeGroup(track: TrackProducer, id: number): void {
  const group = track.group(id);
  group.writeObject(text(`${id}.0`));
  group.writeObject(text(`${id}.1`));
  group.finish();
}

describe("a subscription", () => {
  test("that joins late starts at object 0 of the newest group", () => {
    const { track, consumer } = filled();
    const open = track.group(3);
    open.writeObject(text("3.0"));
    const viewer = new Viewer();
    const subscription = consumer.subscribe({ listener: viewer });
    expect(subscription.start).toEqual({ group: 3, object: 0 });
    expect(viewer.payloads).toEqual(["3.0"]);
    open.writeObject(text("3.1"));
    writeGroup(track, 4);
    expect(viewer.payloads).toEqual(["3.0", "3.1", "4.0", "4.1"]);
  });

  test("does not take a group without objects for the newest", () => {
    const { track, consumer } = filled();
    track.group(3).subgroup(0);
    const viewer = new Viewer();
    consumer.subscribe({ listener: viewer });
    expect(viewer.groups).toEqual([2, 3]);
  });

  test("of an empty track gets everything", () => {
    const { track, consumer } = filled(0);
    const viewer = new Viewer();
    consumer.subscribe({ listener: viewer });
    writeGroup(track, 5);
    writeGroup(track, 2);
    expect(viewer.groups).toEqual([5, 2]);
  });

  test("starts at the group the publisher announced as largest, before any object of it came", () => {
    const { broadcast } = stage();
    const track = broadcast.createTrack("video", { largest: { group: 8, object: 3 } });
    const consumer = broadcast.consume().track("video");
    expect(consumer.largest).toEqual({ group: 8, object: 3 });
    const viewer = new Viewer();
    consumer.subscribe({ listener: viewer });
    track.group(7).writeObject(text("old"));
    track.group(8).subgroup(0).writeObject(text("8.4"), { id: 4 });
    expect(viewer.payloads).toEqual(["8.4"]);
  });

  test("from the next group gets nothing of the newest", () => {
    const { track, consumer } = filled();
    const viewer = new Viewer();
    consumer.subscribe({ start: "next-group", listener: viewer });
    track.group(1).finish();
    writeGroup(track, 3);
    expect(viewer.groups).toEqual([3]);
  });

  test("from the next object gets what follows the largest", () => {
    const { track, consumer } = filled(0);
    const group = track.group(0);
    group.writeObject(text("0.0"));
    const viewer = new Viewer();
    consumer.subscribe({ start: "next-object", listener: viewer });
    group.writeObject(text("0.1"));
    writeGroup(track, 1);
    expect(viewer.payloads).toEqual(["0.1", "1.0", "1.1"]);
  });

  test("from a location passes over what lies before it, also in the middle of an object", () => {
    const { track, consumer } = filled(0);
    const subgroup = track.group(0).subgroup(0);
    subgroup.begin(0, 4);
    subgroup.write(text("ab"));
    const viewer = new Viewer();
    const subscription = consumer.subscribe({ start: { group: 0, object: 2 }, listener: viewer });
    subgroup.write(text("cd"));
    subgroup.writeObject(text("1"));
    subgroup.writeObject(text("2"));
    expect(viewer.subgroups[0]?.objects.map((o) => o.id)).toEqual([2]);
    expect(subscription.backlogBytes).toBe(0);
  });

  test("of a range gets the stored groups in order, then ends when the track went past it", () => {
    const { track, consumer } = filled();
    const viewer = new Viewer();
    consumer.subscribe({ start: { group: 1, object: 1 }, endGroup: 3, listener: viewer });
    expect(viewer.payloads).toEqual(["1.1", "2.0", "2.1"]);
    writeGroup(track, 3);
    expect(viewer.endings).toEqual([]);
    writeGroup(track, 4);
    expect(viewer.payloads).toEqual(["1.1", "2.0", "2.1", "3.0", "3.1"]);
    expect(viewer.endings).toMatchObject([{ code: "range-complete" }]);
  });

  test("of a range waits for its readers before it ends", () => {
    const { track, consumer } = filled();
    const viewer = new Viewer({ slow: true });
    consumer.subscribe({ start: { group: 2, object: 0 }, endGroup: 2, listener: viewer });
    writeGroup(track, 3);
    expect(viewer.endings).toEqual([]);
    viewer.subgroups[0]?.reader.close();
    expect(viewer.endings).toMatchObject([{ code: "range-complete" }]);
  });

  test("can be narrowed while it runs", () => {
    const { track, consumer } = filled();
    const viewer = new Viewer();
    const subscription = consumer.subscribe({ listener: viewer });
    subscription.update({ endGroup: 3 });
    writeGroup(track, 3);
    writeGroup(track, 4);
    expect(viewer.groups).toEqual([2, 3]);
    expect(viewer.endings).toMatchObject([{ code: "range-complete" }]);
  });

  test("calls nothing once it is closed", () => {
    const { track, consumer } = filled();
    const viewer = new Viewer();
    const subscription = consumer.subscribe({ listener: viewer });
    subscription.close();
    writeGroup(track, 3);
    track.finish();
    expect(viewer.groups).toEqual([2]);
    expect(viewer.endings).toEqual([]);
  });

  test("ends with the track; open subgroups may still be written and read to their end", () => {
    const { track, consumer } = filled();
    const group = track.group(3);
    const subgroup = group.subgroup(0);
    subgroup.writeObject(text("3.0"));
    const viewer = new Viewer();
    consumer.subscribe({ listener: viewer });
    track.finish();
    expect(viewer.endings).toMatchObject([{ code: "finished", wireCode: undefined }]);
    expect(() => track.group(4)).toThrow(/has ended/);
    expect(() => group.subgroup(1)).toThrow(/has ended/);
    subgroup.writeObject(text("3.1"));
    subgroup.finish();
    expect(viewer.payloads).toEqual(["3.0", "3.1"]);
    expect(viewer.subgroups[0]?.reader.done).toBe(true);
  });

  test("is told the publisher's own code when the track is aborted, and open subgroups are reset", () => {
    const { track, consumer } = filled();
    track.group(3).subgroup(0).begin(0, 5);
    const viewer = new Viewer();
    consumer.subscribe({ listener: viewer });
    track.abort(0x77, "on fire");
    expect(viewer.endings).toEqual([{ code: "aborted", wireCode: 0x77, reason: "on fire" }]);
    expect(viewer.subgroups[0]?.reader).toMatchObject({ state: "reset", resetCode: undefined, dropped: undefined });
  });

  test("is not disturbed by another whose listener throws", () => {
    const { track, consumer } = filled();
    const errors: unknown[] = [];
    const realQueue = globalThis.queueMicrotask;
    globalThis.queueMicrotask = (task) => {
      try {
        task();
      } catch (error) {
        errors.push(error);
      }
    };
    try {
      consumer.subscribe({
        listener: {
          subgroup: () => {
            throw new Error("my bug");
          },
        },
      });
      const viewer = new Viewer();
      consumer.subscribe({ listener: viewer });
      writeGroup(track, 3);
      expect(viewer.groups).toEqual([2, 3]);
    } finally {
      globalThis.queueMicrotask = realQueue;
    }
    expect(errors.length).toBeGreaterThan(0);
  });

  test("may close itself or open others from within a callback", () => {
    const { track, consumer } = filled();
    const inner = new Viewer();
    const outer = consumer.subscribe({
      start: "next-group",
      listener: {
        subgroup: () => {
          outer.close();
          consumer.subscribe({ listener: inner });
        },
      },
    });
    const last = new Viewer();
    consumer.subscribe({ start: "next-group", listener: last });
    writeGroup(track, 3);
    expect(inner.groups).toEqual([2, 3]);
    expect(last.groups).toEqual([3]);
    expect(inner.subgroups.length).toBe(2);
  });
});

describe("back-pressure", () => {
  test("holds a publisher back until the slowest subscription has read", async () => {
    const { clock, track, consumer } = filled(0);
    const fast = new Viewer();
    const slow = new Viewer({ slow: true });
    consumer.subscribe({ listener: fast });
    consumer.subscribe({ listener: slow });
    track.group(0).writeObject(new Uint8Array(1000));
    let drained = 0;
    void track.drained(500).then(() => drained++);
    await clock.advance(0);
    expect(track.backlogBytes).toBe(1000);
    slow.subgroups[0]?.read(499);
    await clock.advance(0);
    expect(drained).toBe(0);
    slow.subgroups[0]?.read(1);
    await clock.advance(0);
    expect(drained).toBe(1);
    expect(track.backlogBytes).toBe(500);
  });

  test("ends when the slow one leaves, when the track ends, or when the caller gives up", async () => {
    const { track, consumer } = filled(0);
    const subscription = consumer.subscribe({ listener: new Viewer({ slow: true }) });
    track.group(0).writeObject(new Uint8Array(1000));
    const controller = new AbortController();
    const given = track.drained(0, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    const left = track.drained(0);
    subscription.close();
    await left;
    consumer.subscribe({ listener: new Viewer({ slow: true }) });
    const ended = track.drained(0);
    track.finish();
    await ended;
    await track.drained(0);
  });
});
