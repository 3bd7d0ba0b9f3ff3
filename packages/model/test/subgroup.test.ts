import { describe, expect, test } from "vitest";
import { ObjectStatus } from "../src/index.ts";
import { stage, text, Viewer } from "./support.ts";

function live() {
  const { broadcast, ...rest } = stage();
  const track = broadcast.createTrack("video", { priority: 7 });
  const consumer = broadcast.consume().track("video");
  const viewer = new Viewer();
  consumer.subscribe({ listener: viewer });
  return { ...rest, broadcast, track, consumer, viewer };
}

describe("a subgroup", () => {
  test("carries ids with gaps, statuses, extensions and bytes unchanged", () => {
    const { track, viewer } = live();
    const subgroup = track.group(3).subgroup(5, { extensions: true, endOfGroup: true, priority: 200 });
    subgroup.begin(2, 5, ObjectStatus.normal, text("ext"));
    subgroup.write(text("he"));
    subgroup.write(text("..llo.."), 2, 5);
    subgroup.begin(9, 0);
    subgroup.begin(10, 0, ObjectStatus.doesNotExist);
    subgroup.begin(11, 0, ObjectStatus.endOfGroup, text("why"));
    subgroup.finish();
    const [seen] = viewer.subgroups;
    expect(seen?.reader).toMatchObject({ group: 3, subgroup: 5, priority: 200, endOfGroup: true, extensions: true });
    expect(seen?.reader.done).toBe(true);
    expect(seen?.objects).toEqual([
      { id: 2, status: 0, extensions: "ext", payload: "hello", complete: true },
      { id: 9, status: 0, extensions: "", payload: "", complete: true },
      { id: 10, status: 1, extensions: "", payload: "", complete: true },
      { id: 11, status: 3, extensions: "why", payload: "", complete: true },
    ]);
    expect(track.largest).toEqual({ group: 3, object: 11 });
  });

  test("takes the track's priority when it names none", () => {
    const { track, viewer } = live();
    track.group(0).subgroup(0);
    expect(viewer.subgroups[0]?.reader.priority).toBe(7);
  });

  test("is read while an object is still arriving", () => {
    const { track, viewer } = live();
    const subgroup = track.group(0).subgroup(0);
    subgroup.begin(0, 10);
    subgroup.write(text("01234"));
    const [seen] = viewer.subgroups;
    expect(seen?.objects).toMatchObject([{ payload: "01234", complete: false }]);
    expect(seen?.reader.object(0)).toEqual({ id: 0, sizeBytes: 10, receivedBytes: 5, status: 0, extensionBytes: 0 });
    subgroup.write(text("56789"));
    expect(seen?.objects).toMatchObject([{ payload: "0123456789", complete: true }]);
  });

  test("stands beside others of its group, each with its own order", () => {
    const { track, viewer } = live();
    const group = track.group(0);
    const base = group.subgroup(0);
    const extra = group.subgroup(1);
    base.writeObject(text("a"), { id: 0 });
    extra.writeObject(text("b"), { id: 1 });
    base.writeObject(text("c"), { id: 2 });
    extra.writeObject(text("d"), { id: 3 });
    base.finish();
    extra.reset(2, "too late");
    expect(viewer.subgroups.map((seen) => seen.objects.map((o) => o.id))).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(viewer.subgroups.map((seen) => seen.reader.state)).toEqual(["finished", "reset"]);
    expect(viewer.subgroups[1]?.reader.resetCode).toBe(2);
  });

  test("may be opened again after a reset, and is another stream for readers", () => {
    const { track, viewer } = live();
    const group = track.group(0);
    const first = group.subgroup(0);
    first.writeObject(text("a"));
    expect(() => group.subgroup(0)).toThrow(/already has an open subgroup 0/);
    first.reset(0);
    group.subgroup(0).writeObject(text("b"), { id: 1 });
    expect(viewer.subgroups.map((seen) => seen.reader.subgroup)).toEqual([0, 0]);
    expect(viewer.payloads).toEqual(["a", "b"]);
  });

  test("keeps what was stored before a reset readable", () => {
    const { track, consumer } = live();
    const slow = new Viewer({ slow: true });
    consumer.subscribe({ listener: slow });
    const subgroup = track.group(0).subgroup(0);
    subgroup.writeObject(text("whole"));
    subgroup.begin(1, 10);
    subgroup.write(text("part"));
    subgroup.reset(1);
    slow.subgroups[0]?.read();
    expect(slow.subgroups[0]?.objects).toMatchObject([
      { payload: "whole", complete: true },
      { payload: "part", complete: false },
    ]);
    expect(slow.subgroups[0]?.reader.done).toBe(false);
  });

  test("refuses what would break its contract", () => {
    const { track } = live();
    const subgroup = track.group(0).subgroup(0);
    subgroup.begin(4, 3);
    expect(() => subgroup.begin(5, 0)).toThrow(/still misses 3 bytes/);
    expect(() => subgroup.finish()).toThrow(/still misses 3 bytes/);
    expect(() => subgroup.write(text("long"))).toThrow(/takes 3 more/);
    subgroup.write(text("abc"));
    expect(() => subgroup.begin(4, 0)).toThrow(/ids of a subgroup ascend/);
    expect(() => subgroup.begin(2 ** 53, 0)).toThrow(/ascend/);
    expect(() => subgroup.begin(5, 1, ObjectStatus.endOfGroup)).toThrow(/cannot have 1 payload bytes/);
    expect(() => subgroup.begin(5, 0, ObjectStatus.normal, text("x"))).toThrow(/without extensions/);
    subgroup.finish();
    expect(() => subgroup.write(text("x"))).toThrow(/finished; nothing can be written/);
    expect(() => subgroup.finish()).toThrow(/finished/);
    subgroup.reset(0);
    expect(subgroup.state).toBe("finished");
  });

  test("finds a malformed track: objects behind the announced end of a group or track", () => {
    const { track } = live();
    const group = track.group(0);
    group.subgroup(0).begin(4, 0, ObjectStatus.endOfGroup);
    const late = group.subgroup(1);
    expect(() => late.begin(4, 0)).toThrow(/contradicts the end of group 0/);
    expect(() => late.begin(5, 0, ObjectStatus.endOfGroup)).toThrow(/contradicts/);
    late.begin(3, 0);
    const next = track.group(1);
    next.subgroup(0).begin(6, 0);
    expect(() => next.subgroup(1).begin(5, 0, ObjectStatus.endOfGroup)).toThrow(/contradicts the end of group 1/);
    track.group(2).subgroup(0).begin(0, 0, ObjectStatus.endOfTrack);
    expect(() => track.group(3)).toThrow(/behind the track's end/);
    expect(() => track.group(2).subgroup(1).begin(1, 0)).toThrow(/malformed|contradicts|behind/);
    next.subgroup(2).begin(7, 0);
  });

  test("stores nothing for readers it does not have, and shares no bytes with its writer", () => {
    const { track, viewer } = live();
    const bytes = text("abc");
    track.group(0).writeObject(bytes);
    bytes.fill(0);
    expect(viewer.payloads).toEqual(["abc"]);
  });
});
