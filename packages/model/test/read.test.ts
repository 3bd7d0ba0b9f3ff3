import { describe, expect, test } from "vitest";
import { ObjectStatus, type TrackProducer, type WholeObject } from "../src/index.ts";
import { stage, text } from "./support.ts";

const string = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const describeObject = (object: WholeObject) => `${object.group}.${object.id}=${string(object.payload)}`;

function live(options = {}) {
  const { broadcast, ...rest } = stage(options);
  const track = broadcast.createTrack("video");
  return { ...rest, broadcast, track, consumer: broadcast.consume().track("video") };
}

function write(track: TrackProducer, id: number, ...payloads: string[]): void {
  const group = track.group(id);
  for (const payload of payloads) group.writeObject(text(payload));
  group.finish();
}

describe("a loop over objects", () => {
  test("gives each whole, in group order, and ends with the track", async () => {
    const { track, consumer, cache, broadcast } = live();
    write(track, 0, "a", "b");
    write(track, 1, "c", "d");
    const seen: string[] = [];
    for await (const object of consumer.objects()) {
      seen.push(describeObject(object));
      if (object.group === 1 && object.id === 1) write(track, 2, "e");
      if (object.group === 2) track.finish();
    }
    expect(seen).toEqual(["1.0=c", "1.1=d", "2.0=e"]);
    consumer.close();
    broadcast.finish();
    expect(cache.usedBytes).toBe(0);
  });

  test("waits for a track that is still requested, and passes on the refusal", async () => {
    const { broadcast, clock } = stage();
    const consumer = broadcast.consume();
    broadcast.onTrackRequest = (request) => {
      clock.schedule(100, () => {
        if (request.name.toString() === "no") request.reject(4, "never");
        else write(request.accept(), 0, "x");
      });
    };
    const wanted = consumer.track("yes").objects().next();
    const refused = expect(consumer.track("no").objects().next()).rejects.toMatchObject({
      code: "track-rejected",
      wireCode: 4,
    });
    await clock.advance(100);
    expect(describeObject((await wanted).value as WholeObject)).toBe("0.0=x");
    await refused;
  });

  test("gives up after its time-out, for the answer as for the next object", async () => {
    const { broadcast, clock } = stage();
    broadcast.onTrackRequest = () => {};
    broadcast.createTrack("quiet");
    const consumer = broadcast.consume();
    const answer = expect(consumer.track("video").objects({ timeoutMs: 50 }).next()).rejects.toMatchObject({
      code: "request-timeout",
    });
    const object = expect(consumer.track("quiet").objects({ timeoutMs: 50 }).next()).rejects.toMatchObject({
      code: "read-timeout",
    });
    await clock.advance(50);
    await answer;
    await object;
    expect(clock.pending).toBe(0);
  });

  test("stops when its signal aborts, and leaves no listener on it", async () => {
    const { track, consumer, clock } = live();
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof signal.addEventListener;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof signal.removeEventListener;
    const loop = consumer.objects({ signal, timeoutMs: 60_000 });
    write(track, 0, "a");
    await loop.next();
    expect(listeners).toBe(0);
    const next = expect(loop.next()).rejects.toThrow("enough");
    await clock.advance(0);
    controller.abort(new Error("enough"));
    await next;
    expect(listeners).toBe(0);
    expect(track.backlogBytes).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("throws the publisher's code when the track is aborted", async () => {
    const { track, consumer } = live();
    write(track, 0, "a");
    const loop = consumer.objects();
    await loop.next();
    const next = expect(loop.next()).rejects.toMatchObject({ code: "closed", wireCode: 7, message: "on fire" });
    track.abort(7, "on fire");
    await next;
  });

  test("passes over dropped groups and says which", async () => {
    const { track, consumer, clock } = live({ retentionMs: 1000 });
    const dropped: string[] = [];
    const loop = consumer.objects({ onDropped: (group, reason) => dropped.push(`${group} ${reason}`) });
    const seen: string[] = [];
    write(track, 0, "a", "b");
    seen.push(describeObject((await loop.next()).value as WholeObject));
    write(track, 1, "c");
    write(track, 2, "d");
    await clock.advance(1000);
    seen.push(describeObject((await loop.next()).value as WholeObject));
    expect(seen).toEqual(["0.0=a", "2.0=d"]);
    expect(dropped).toEqual(["0 expired", "1 expired"]);
    await loop.return();
  });

  test("passes over an object that the publisher left incomplete", async () => {
    const { track, consumer } = live();
    const subgroup = track.group(0).subgroup(0);
    subgroup.writeObject(text("a"));
    subgroup.begin(1, 10);
    subgroup.write(text("b"));
    const seen: string[] = [];
    for await (const object of consumer.objects()) {
      seen.push(describeObject(object));
      if (object.group === 0) {
        subgroup.reset(1);
        write(track, 1, "c");
        track.finish();
      }
    }
    expect(seen).toEqual(["0.0=a", "1.0=c"]);
  });

  test("leaves the subscription when it is broken off", async () => {
    const { track, consumer } = live();
    write(track, 0, "aaaa", "b");
    for await (const object of consumer.objects()) {
      expect(track.backlogBytes).toBe(1);
      expect(string(object.payload)).toBe("aaaa");
      break;
    }
    expect(track.backlogBytes).toBe(0);
  });
});

describe("a loop over groups", () => {
  test("gives chunks as they arrive, extensions and statuses", async () => {
    const { track, consumer } = live();
    const subgroup = track.group(0).subgroup(3, { extensions: true, priority: 11 });
    subgroup.begin(5, 6, ObjectStatus.normal, text("ext"));
    subgroup.write(text("abc"));
    const groups = consumer.groups();
    const group = (await groups.next()).value;
    const objects = group?.objects();
    const object = (await objects?.next())?.value;
    expect(object).toMatchObject({ group: 0, subgroup: 3, id: 5, priority: 11, sizeBytes: 6, extensions: text("ext") });
    const chunks = object?.chunks();
    expect((await chunks?.next())?.value).toEqual(text("abc"));
    const rest = chunks?.next();
    subgroup.write(text("def"));
    expect((await rest)?.value).toEqual(text("def"));
    expect((await chunks?.next())?.done).toBe(true);
    subgroup.begin(6, 0, ObjectStatus.endOfGroup);
    subgroup.finish();
    expect((await objects?.next())?.value).toMatchObject({ id: 6, status: ObjectStatus.endOfGroup });
    expect((await objects?.next())?.done).toBe(true);
    await expect(object?.payload()).rejects.toThrow(/before the loop moves on/);
    await groups.return();
  });

  test("merges the subgroups of a group by object id, and shows the group again for one that comes late", async () => {
    const { track, consumer } = live();
    const group = track.group(0);
    const [base, extra] = [group.subgroup(0), group.subgroup(1)];
    extra.writeObject(text("b"), { id: 1 });
    base.writeObject(text("a"), { id: 0 });
    base.writeObject(text("c"), { id: 2 });
    base.finish();
    extra.finish();
    track.group(1).writeObject(text("next"));
    const late = group.subgroup(2);
    const groups = consumer.groups({ start: { group: 0, object: 0 } });
    const ids: number[] = [];
    const first = (await groups.next()).value;
    late.writeObject(text("d"), { id: 7 });
    late.finish();
    for await (const object of first?.objects() ?? []) ids.push(object.id);
    expect(ids).toEqual([0, 1, 2, 7]);
    expect((await groups.next()).value?.id).toBe(1);
    group.subgroup(3).writeObject(text("e"), { id: 9 });
    expect((await groups.next()).value?.id).toBe(0);
    await groups.return();
  });

  test("throws for a group that was dropped while it was read", async () => {
    const { track, consumer, clock } = live({ retentionMs: 10 });
    write(track, 0, "a", "b");
    const groups = consumer.groups();
    const group = (await groups.next()).value;
    const objects = group?.objects();
    await objects?.next();
    write(track, 1, "c");
    await clock.advance(10);
    await expect(objects?.next()).rejects.toMatchObject({ code: "group-dropped" });
    expect(group?.dropped).toBe("expired");
    await groups.return();
  });
});

test("a loop over datagrams gives each, and loses the oldest when it is 256 behind", async () => {
  const { track, consumer } = live();
  const loop = consumer.datagrams();
  const first = loop.next();
  await Promise.resolve();
  await Promise.resolve();
  for (let object = 0; object < 300; object++) track.datagram({ group: 0, object });
  track.finish();
  const seen = [(await first).value?.object];
  for await (const datagram of loop) seen.push(datagram.object);
  expect(seen.length).toBe(256);
  expect(seen[0]).toBe(44);
  expect(seen.at(-1)).toBe(299);
});
