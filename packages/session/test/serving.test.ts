import { BroadcastProducer, Cache, type TrackProducer } from "@moqingbird/model";
import { settle } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { cloudflareDraft14 } from "../src/index.ts";
import { type AgainstOptions, againstClient, fields, ns, utf8 } from "./support/against.ts";

type Filter = { type: "largestObject" } | { type: "nextGroupStart" } | Ranged;
type Ranged =
  | { type: "absoluteStart"; start: { group: number; object: number } }
  | { type: "absoluteRange"; start: { group: number; object: number }; endGroup: number };

const subscribe = (
  requestId: number,
  options: {
    filter?: Filter;
    forward?: boolean;
    priority?: number;
    order?: "publisher" | "ascending" | "descending";
    track?: string;
  } = {},
) =>
  ({
    type: "subscribe",
    requestId,
    namespace: fields("a"),
    trackName: utf8(options.track ?? "t"),
    subscriberPriority: options.priority ?? 128,
    groupOrder: options.order ?? "publisher",
    forward: options.forward ?? true,
    filter: options.filter ?? { type: "largestObject" },
    parameters: {},
  }) as const;

const update = (
  requestId: number,
  options: {
    of?: number;
    start?: { group: number; object: number };
    endGroup?: number;
    priority?: number;
    forward?: boolean;
  } = {},
) =>
  ({
    type: "subscribeUpdate",
    requestId,
    subscriptionRequestId: options.of ?? 0,
    start: options.start ?? { group: 0, object: 0 },
    ...(options.endGroup !== undefined && { endGroup: options.endGroup }),
    subscriberPriority: options.priority ?? 128,
    forward: options.forward ?? true,
    parameters: {},
  }) as const;

/** A track "t" in the namespace "a", served to a raw subscriber. */
async function serving(
  options: AgainstOptions = {},
  trackOptions: Parameters<BroadcastProducer["createTrack"]>[1] = {},
) {
  const setting = await againstClient(options);
  const broadcast = new BroadcastProducer({ cache: setting.cache });
  const track = broadcast.createTrack("t", trackOptions);
  setting.session.publish(ns("a"), broadcast.consume());
  await settle();
  await setting.peer.say({ type: "publishNamespaceOk", requestId: 1 });
  return { ...setting, broadcast, track };
}

function groups(track: TrackProducer, ids: readonly number[], objects = 2): void {
  for (const id of ids) {
    const group = track.group(id);
    for (let i = 0; i < objects; i++) group.writeObject(utf8(`g${id}o${i}`));
    group.finish();
  }
}

describe("serving a subscription", () => {
  test("answers before it sends, with alias, order and largest object", async () => {
    const { peer, track } = await serving({}, { order: "descending" });
    groups(track, [4]);
    await peer.say(subscribe(0));
    expect(peer.last("subscribeOk")).toEqual({
      type: "subscribeOk",
      requestId: 0,
      trackAlias: 0,
      expiresMs: 0,
      groupOrder: "descending",
      largest: { group: 4, object: 1 },
      parameters: {},
    });
    expect(peer.streams.map((stream) => stream.events)).toEqual([
      ["subgroup 0/4/0 p128", "object 0 size 4 status 0", "g4o0", "object 1 size 4 status 0", "g4o1", "FIN"],
    ]);
  });

  test("asks for the publisher's order, or takes the subscriber's", async () => {
    const { peer } = await serving({}, { order: "descending" });
    await peer.say(subscribe(0, { order: "ascending" }));
    expect(peer.last("subscribeOk").groupOrder).toBe("ascending");
    expect(peer.last("subscribeOk")).not.toHaveProperty("largest");
  });

  test("a peer that unsubscribes at an older group gets ascending groups, and no late one", async () => {
    const { peer, track } = await serving({ profile: cloudflareDraft14 }, { order: "descending" });
    await peer.say(subscribe(0));
    expect(peer.last("subscribeOk").groupOrder).toBe("ascending");
    groups(track, [4, 6, 5]);
    await settle();
    expect(peer.streams.map((stream) => stream.events[0])).toEqual(["subgroup 0/4/0 p128", "subgroup 0/6/0 p128"]);
  });

  describe("obeys the filter", () => {
    const delivered = (events: readonly { events: string[] }[]) =>
      events.map((stream) => [stream.events[0], ...stream.events.filter((event) => event.startsWith("g"))]);

    test("largest object: the newest group from its first object", async () => {
      const { peer, track } = await serving();
      groups(track, [1, 2, 3]);
      await peer.say(subscribe(0));
      groups(track, [4]);
      await settle();
      expect(delivered(peer.streams)).toEqual([
        ["subgroup 0/3/0 p128", "g3o0", "g3o1"],
        ["subgroup 0/4/0 p128", "g4o0", "g4o1"],
      ]);
    });

    test("next group start: nothing of the current group", async () => {
      const { peer, track } = await serving();
      groups(track, [1, 2]);
      await peer.say(subscribe(0, { filter: { type: "nextGroupStart" } }));
      expect(peer.streams).toEqual([]);
      groups(track, [3]);
      await settle();
      expect(delivered(peer.streams)).toEqual([["subgroup 0/3/0 p128", "g3o0", "g3o1"]]);
    });

    test("absolute start: from there on, as far as the cache reaches back", async () => {
      const { peer, track } = await serving();
      groups(track, [1, 2, 3], 3);
      await peer.say(subscribe(0, { filter: { type: "absoluteStart", start: { group: 2, object: 1 } } }));
      expect(delivered(peer.streams)).toEqual([
        ["subgroup 0/2/0 p128", "g2o1", "g2o2"],
        ["subgroup 0/3/0 p128", "g3o0", "g3o1", "g3o2"],
      ]);
    });

    test("absolute range: to the end of its last group, then PUBLISH_DONE", async () => {
      const { peer, track } = await serving();
      groups(track, [1]);
      await peer.say(subscribe(0, { filter: { type: "absoluteRange", start: { group: 2, object: 0 }, endGroup: 3 } }));
      groups(track, [2, 3, 4, 5]);
      await settle();
      expect(delivered(peer.streams).map(([header]) => header)).toEqual(["subgroup 0/2/0 p128", "subgroup 0/3/0 p128"]);
      track.finish();
      await settle();
      expect(peer.all("publishDone")).toHaveLength(1);
    });

    test("a range that ends before it starts, or lies in the past, is an invalid range", async () => {
      const { peer, track } = await serving();
      groups(track, [9]);
      const range = (group: number, endGroup: number): Filter => ({
        type: "absoluteRange",
        start: { group, object: 0 },
        endGroup,
      });
      await peer.say(subscribe(0, { filter: range(20, 19) }), subscribe(2, { filter: range(3, 8) }));
      expect(peer.all("subscribeError")).toMatchObject([
        { requestId: 0, errorCode: 5 },
        { requestId: 2, errorCode: 5 },
      ]);
    });
  });

  test("PUBLISH_DONE comes after every stream was acknowledged, with their true number", async () => {
    const { pair, peer, track, session } = await serving();
    await peer.say(subscribe(0));
    groups(track, [0, 1, 2]);
    // Streams go out, acknowledgements do not come back.
    pair.client.freeze();
    track.finish();
    await settle();
    expect(peer.streams.map((stream) => stream.events.at(-1))).toEqual(["FIN", "FIN", "FIN"]);
    expect(peer.all("publishDone")).toEqual([]);
    pair.client.freeze(false);
    await settle();
    expect(peer.all("publishDone")).toMatchObject([{ requestId: 0, status: 2, streamCount: 3 }]);
    expect(session.stats.servedSubscriptions).toBe(0);
    // The subscriber's UNSUBSCRIBE may cross it.
    await peer.say({ type: "unsubscribe", requestId: 0 });
    expect(session.state).toBe("established");
  });

  test("PUBLISH_DONE carries the code with which the track was aborted, and 0 streams for datagrams", async () => {
    const { broadcast, peer, track } = await serving();
    const ticks = broadcast.createTrack("ticks");
    await peer.say(subscribe(0), subscribe(2, { track: "ticks" }));
    ticks.datagram({ group: 0, object: 0, payload: utf8("x") });
    ticks.finish();
    track.abort(0x7, "bad bytes");
    await settle();
    expect(peer.datagrams).toHaveLength(1);
    expect(peer.all("publishDone")).toMatchObject([
      { requestId: 2, status: 2, streamCount: 0 },
      { requestId: 0, status: 7, streamCount: 0, reason: "bad bytes" },
    ]);
  });

  test("UNSUBSCRIBE resets what is open and says no more", async () => {
    const { peer, track, session } = await serving();
    await peer.say(subscribe(0));
    const group = track.appendGroup();
    group.writeObject(utf8("half"));
    await settle();
    await peer.say({ type: "unsubscribe", requestId: 0 });
    group.writeObject(utf8("more"));
    groups(track, [5]);
    await settle();
    expect(peer.streams.map((stream) => stream.events.at(-1))).toEqual(["RESET 1"]);
    expect(peer.all("publishDone")).toEqual([]);
    expect(session.stats).toMatchObject({ servedSubscriptions: 0, openRequests: 0 });
    expect(track.used).toBe(false);
    // The same track again is no second subscription.
    await peer.say(subscribe(2));
    expect(peer.last("subscribeOk")).toMatchObject({ requestId: 2, trackAlias: 2 });
  });

  test("STOP_SENDING ends one stream, not the subscription", async () => {
    const { peer, track } = await serving();
    await peer.say(subscribe(0));
    const group = track.appendGroup();
    group.writeObject(utf8("x"));
    await settle();
    peer.streams[0]?.handle.stop(9);
    await settle();
    groups(track, [1]);
    await settle();
    expect(peer.streams).toHaveLength(2);
    expect(peer.streams[1]?.events.at(-1)).toBe("FIN");
  });

  test("a second subscription to a track is a violation", async () => {
    const { peer } = await serving();
    await peer.say(subscribe(0), subscribe(2));
    expect(peer.closed).toMatchObject({ code: 3n });
  });

  test("messages about requests that never existed are violations", async () => {
    for (const message of [{ type: "unsubscribe", requestId: 6 } as const, update(0, { of: 8 })]) {
      const { peer } = await serving();
      await peer.say(message);
      expect(peer.closed, message.type).toMatchObject({ code: 3n });
    }
  });

  test("a publisher that does not answer a track request is a time-out for the subscriber", async () => {
    const { broadcast, clock, peer, session } = await serving();
    const waiting: string[] = [];
    broadcast.onTrackRequest = (request) => waiting.push(request.name.toString());
    await peer.say(subscribe(0, { track: "slow" }));
    expect(waiting).toEqual(["slow"]);
    await clock.advance(10_000);
    expect(peer.last("subscribeError")).toMatchObject({ requestId: 0, errorCode: 2 });
    expect(session.stats.servedSubscriptions).toBe(0);
  });

  test("an unknown track of a broadcast without a request handler does not exist", async () => {
    const { peer } = await serving();
    await peer.say(subscribe(0, { track: "nothing" }));
    expect(peer.last("subscribeError")).toMatchObject({ requestId: 0, errorCode: 4 });
  });
});

describe("SUBSCRIBE_UPDATE", () => {
  test("pauses and resumes forwarding", async () => {
    const { peer, track } = await serving();
    await peer.say(subscribe(0, { forward: false }));
    expect(peer.all("subscribeOk")).toHaveLength(1);
    expect(track.used).toBe(true);
    groups(track, [0, 1]);
    await settle();
    expect(peer.streams).toEqual([]);
    await peer.say(update(2, { forward: true }));
    // A live subscription resumes with the newest group.
    expect(peer.streams.map((stream) => stream.events[0])).toEqual(["subgroup 0/1/0 p128"]);
    track.group(2).writeObject(utf8("begun"));
    await settle();
    await peer.say(update(4, { forward: false }));
    expect(peer.streams.at(-1)?.events.at(-1)).toBe("RESET 1");
    groups(track, [3]);
    await settle();
    expect(peer.streams).toHaveLength(2);
  });

  test("narrows the range: streams outside of it are reset", async () => {
    const { peer, track } = await serving();
    await peer.say(subscribe(0, { filter: { type: "absoluteStart", start: { group: 0, object: 0 } } }));
    for (const id of [1, 2, 3]) track.group(id).writeObject(utf8(`g${id}`));
    await settle();
    await peer.say(update(2, { start: { group: 2, object: 0 }, endGroup: 2 }));
    expect(peer.streams.map((stream) => stream.events.at(-1))).toEqual(["RESET 1", "g2", "RESET 1"]);
    groups(track, [4]);
    await settle();
    expect(peer.streams).toHaveLength(3);
  });

  test("that widens the range is a violation", async () => {
    for (const wrong of [
      update(2, { start: { group: 4, object: 9 }, endGroup: 8 }),
      update(2, { start: { group: 5, object: 0 }, endGroup: 9 }),
      update(2, { start: { group: 5, object: 0 } }),
    ]) {
      const { peer } = await serving();
      await peer.say(subscribe(0, { filter: { type: "absoluteRange", start: { group: 5, object: 0 }, endGroup: 8 } }));
      await peer.say(wrong);
      expect(peer.closed, JSON.stringify(wrong)).toMatchObject({ code: 3n });
    }
  });

  test("changes who goes first", async () => {
    const { broadcast, pair, peer, track } = await serving({ transport: { maxPullBytes: 100 } });
    const other = broadcast.createTrack("other");
    await peer.say(subscribe(0, { priority: 10 }), subscribe(2, { track: "other", priority: 20 }));
    pair.server.allow(0);
    track.appendGroup().writeObject(utf8("a".repeat(1000)));
    other.appendGroup().writeObject(utf8("b".repeat(1000)));
    pair.server.allow(300);
    await settle();
    expect(peer.streams.map((stream) => stream.events[0])).toEqual(["subgroup 0/0/0 p128"]);
    await peer.say(update(4, { of: 2, priority: 5 }));
    pair.server.allow(300);
    await settle();
    expect(peer.streams.map((stream) => stream.events[0])).toEqual(["subgroup 0/0/0 p128", "subgroup 2/0/0 p128"]);
  });
});

describe("who goes first", () => {
  /** The order in which streams appear when the link opens after everything was written. */
  async function appearing(
    write: (track: TrackProducer) => void,
    options: Parameters<typeof subscribe>[1] = {},
  ): Promise<string[]> {
    const { pair, peer, track } = await serving();
    await peer.say(subscribe(0, options));
    pair.server.allow(0);
    write(track);
    await settle();
    pair.server.allow(Number.POSITIVE_INFINITY);
    await settle();
    return peer.streams.map((stream) => String(stream.events[0]).replace("subgroup 0/", ""));
  }

  test("older groups in ascending order, newer ones in descending", async () => {
    const write = (track: TrackProducer) => groups(track, [1, 3, 2]);
    expect(await appearing(write, { order: "ascending" })).toEqual(["1/0 p128", "2/0 p128", "3/0 p128"]);
    expect(await appearing(write, { order: "descending" })).toEqual(["3/0 p128", "2/0 p128", "1/0 p128"]);
  });

  test("publisher priority before group order, then subgroup ids", async () => {
    const write = (track: TrackProducer) => {
      for (const [id, priority] of [
        [7, 9],
        [3, 1],
        [5, 9],
      ] as const) {
        const subgroup = track.group(0).subgroup(id, { priority });
        subgroup.writeObject(utf8("x"));
        subgroup.finish();
      }
      const urgent = track.group(1).subgroup(0, { priority: 0 });
      urgent.writeObject(utf8("x"));
      urgent.finish();
    };
    expect(await appearing(write)).toEqual(["1/0 p0", "0/3 p1", "0/5 p9", "0/7 p9"]);
  });
});

describe("a slow subscriber", () => {
  test("skips the groups the cache drops: no byte for those not begun, a reset for one that was", async () => {
    const cache = new Cache({ capacityBytes: 600_000 });
    const { pair, peer, track } = await serving({ cache, transport: { maxPullBytes: 1000 } });
    await peer.say(subscribe(0));
    pair.server.allow(5000);
    for (let id = 0; id < 10; id++) groups(track, [id], 1);
    await settle();
    const big = (id: number) => {
      const group = track.group(id);
      group.writeObject(new Uint8Array(200_000));
      group.finish();
    };
    pair.server.allow(5000);
    big(10);
    await settle();
    const begun = peer.streams.length;
    for (let id = 11; id < 20; id++) big(id);
    pair.server.allow(Number.POSITIVE_INFINITY);
    await settle();
    expect(cache.evictedGroups).toBeGreaterThan(5);
    expect(cache.usedBytes).toBeLessThanOrEqual(600_000);
    const ends = peer.streams.map((stream) => [stream.events[0], stream.events.at(-1)]);
    // Begun and then dropped: reset with DELIVERY_TIMEOUT. Never begun: the peer has not seen it at all.
    expect(ends[begun - 1]).toEqual(["subgroup 0/10/0 p128", "RESET 2"]);
    expect(ends.at(-1)).toEqual(["subgroup 0/19/0 p128", "FIN"]);
    expect(peer.streams.length).toBeLessThan(20);
    track.finish();
    await settle();
    expect(peer.last("publishDone")).toMatchObject({ status: 2, streamCount: peer.streams.length });
  });

  test("has a bounded number of open streams: the oldest group gives way", async () => {
    const { pair, peer, track } = await serving({ limits: { maxStreamsPerSubscription: 3 } });
    await peer.say(subscribe(0));
    pair.server.allow(0);
    groups(track, [0, 1, 2, 3, 4, 5]);
    await settle();
    pair.server.allow(Number.POSITIVE_INFINITY);
    await settle();
    expect(peer.streams.map((stream) => stream.events[0])).toEqual([
      "subgroup 0/3/0 p128",
      "subgroup 0/4/0 p128",
      "subgroup 0/5/0 p128",
    ]);
  });

  test("does not hold up another one", async () => {
    const { broadcast, peer, track } = await serving({ transport: { streamCreditBytes: 1000 } });
    const other = broadcast.createTrack("other");
    await peer.say(subscribe(0), subscribe(2, { track: "other" }));
    track.appendGroup().writeObject(utf8("a".repeat(500)));
    await settle();
    const stuck = peer.streams[0];
    if (stuck) stuck.handle.autoCredit = false;
    track.appendGroup().writeObject(utf8("a".repeat(9000)));
    const group = other.appendGroup();
    group.writeObject(utf8("b".repeat(9000)));
    group.finish();
    await settle();
    expect(peer.streams.find((stream) => stream.events[0]?.startsWith("subgroup 2/"))?.events.at(-1)).toBe("FIN");
  });
});
