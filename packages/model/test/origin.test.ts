import { describe, expect, test } from "vitest";
import { type AnnouncedListener, BroadcastProducer, Origin, TrackNamespace } from "../src/index.ts";
import { stage, text, Viewer } from "./support.ts";

const room = TrackNamespace.of("live", "room");

class Log implements AnnouncedListener {
  readonly lines: string[] = [];
  added(namespace: TrackNamespace): void {
    this.lines.push(`+${namespace}`);
  }
  removed(namespace: TrackNamespace): void {
    this.lines.push(`-${namespace}`);
  }
}

describe("an origin", () => {
  test("hands out what was published, until it is withdrawn; viewers stay", () => {
    const { broadcast } = stage();
    const track = broadcast.createTrack("video");
    const origin = new Origin();
    const publication = origin.publish(room, broadcast.consume());
    const viewer = new Viewer();
    origin.get(room)?.track("video").subscribe({ listener: viewer });
    expect(origin.size).toBe(1);
    publication.withdraw();
    publication.withdraw();
    expect(origin.get(room)).toBeUndefined();
    expect([origin.size, publication.state]).toEqual([0, "withdrawn"]);
    track.group(0).writeObject(text("still here"));
    expect(viewer.payloads).toEqual(["still here"]);
    expect(viewer.endings).toEqual([]);
  });

  test("withdraws a broadcast that ends", () => {
    const { broadcast } = stage();
    const origin = new Origin();
    const publication = origin.publish(room, broadcast.consume());
    broadcast.finish();
    expect(publication.state).toBe("withdrawn");
    expect(origin.get(room)).toBeUndefined();
    expect(() => origin.publish(room, broadcast.consume())).toThrow(/has ended/);
    expect(() => origin.publish(TrackNamespace.of(), new BroadcastProducer().consume())).toThrow(/at least one field/);
  });

  test("tells of the namespaces under a prefix: first those there are, then changes", () => {
    const origin = new Origin();
    const names = [room, TrackNamespace.of("live"), TrackNamespace.of("lively")];
    const publications = names.map((name) => origin.publish(name, new BroadcastProducer().consume()));
    const log = new Log();
    const all = new Log();
    const watch = origin.announced(TrackNamespace.of("live"), log);
    origin.announced(TrackNamespace.of(), all);
    expect(log.lines).toEqual(["+live/room", "+live"]);
    expect(all.lines.length).toBe(3);
    publications[0]?.withdraw();
    publications[2]?.withdraw();
    origin.publish(TrackNamespace.of("live", "2"), new BroadcastProducer().consume());
    expect(log.lines).toEqual(["+live/room", "+live", "-live/room", "+live/2"]);
    watch.stop();
    publications[1]?.withdraw();
    expect(log.lines.length).toBe(4);
    expect(all.lines.at(-1)).toBe("-live");
  });

  test("tells each change once, also when a listener changes the set", () => {
    const origin = new Origin();
    const second = TrackNamespace.of("b");
    origin.publish(TrackNamespace.of("a"), new BroadcastProducer().consume());
    const log = new Log();
    origin.announced(TrackNamespace.of(), {
      added: (namespace) => {
        log.added(namespace);
        if (origin.get(second) === undefined) origin.publish(second, new BroadcastProducer().consume());
      },
      removed: (namespace) => log.removed(namespace),
    });
    expect(log.lines).toEqual(["+a", "+b"]);
  });

  test("lets the newest publisher win: old viewers are ended, new consumers get the new one", () => {
    const { broadcast: old, cache } = stage();
    const young = new BroadcastProducer({ cache });
    const oldTrack = old.createTrack("video");
    const youngTrack = young.createTrack("video");
    oldTrack.group(900).writeObject(text("old"));
    youngTrack.group(0).writeObject(text("young"));
    const origin = new Origin();
    const first = origin.publish(room, old.consume());
    const log = new Log();
    origin.announced(TrackNamespace.of(), log);
    const viewers = [new Viewer(), new Viewer()];
    const recovered = viewers[1] as Viewer;
    origin
      .get(room)
      ?.track("video")
      .subscribe({
        listener: {
          subgroup: (reader) => viewers[0]?.subgroup(reader),
          // A viewer that asks again at once already finds the new one.
          ended: () => origin.get(room)?.track("video").subscribe({ listener: recovered }),
        },
      });
    const second = origin.publish(room, young.consume());
    expect(log.lines).toEqual(["+live/room", "-live/room", "+live/room"]);
    expect([first.state, second.state, origin.size]).toEqual(["standby", "active", 1]);
    expect(viewers.map((viewer) => viewer.payloads)).toEqual([["old"], ["young"]]);
    expect([oldTrack.used, youngTrack.used]).toEqual([false, true]);
  });

  test("forgets a replaced publisher quietly when it ends, and falls back to it when the newer leaves first", () => {
    const producers = [new BroadcastProducer(), new BroadcastProducer(), new BroadcastProducer()];
    const origin = new Origin();
    const publications = producers.map((producer) => origin.publish(room, producer.consume()));
    const states: string[] = [];
    const log = new Log();
    origin.announced(room, log);
    const [, middle] = publications;
    if (middle !== undefined) middle.onState = (state) => states.push(state);
    producers[0]?.finish();
    expect(log.lines).toEqual(["+live/room"]);
    publications[2]?.withdraw();
    expect(log.lines).toEqual(["+live/room", "-live/room", "+live/room"]);
    expect(middle?.state).toBe("active");
    producers[1]?.abort(1);
    expect(states).toEqual(["active", "withdrawn"]);
    expect(origin.size).toBe(0);
  });

  test("may ask for a broadcast that nobody published, once while it lives", () => {
    const origin = new Origin();
    const asked: string[] = [];
    const producers: BroadcastProducer[] = [];
    expect(origin.get(room)).toBeUndefined();
    origin.onRequest = (namespace) => {
      asked.push(namespace.toString());
      if (namespace.length === 1) return undefined;
      const producer = new BroadcastProducer();
      producers.push(producer);
      return producer.consume();
    };
    expect(origin.get(TrackNamespace.of("no"))).toBeUndefined();
    const broadcast = origin.get(room);
    expect(origin.get(room)).toBe(broadcast);
    expect(asked).toEqual(["no", "live/room"]);
    expect(origin.size).toBe(0);
    producers[0]?.finish();
    expect(origin.get(room)).not.toBe(broadcast);
    expect(asked.length).toBe(3);
  });
});
