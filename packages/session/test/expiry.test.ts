/** Objects that are too old: DELIVERY TIMEOUT and MAX CACHE DURATION (moq-transport-14, section "Version Specific Parameters"). */
import { BroadcastProducer, type TrackOptions } from "@moqingbird/model";
import { settle, VirtualClock } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { lowerTimeout } from "../src/expiry.ts";
import { againstClient, againstServer, fields, ns, utf8 } from "./support/against.ts";
import { testCache } from "./support/sessions.ts";

/** A track "t" in the namespace "a", and a raw subscriber of it; session and cache share the clock. */
async function serving(trackOptions: TrackOptions = {}) {
  const time = new VirtualClock();
  const cache = testCache(time);
  const setting = await againstClient({ timers: time, cache });
  const broadcast = new BroadcastProducer({ cache });
  const track = broadcast.createTrack("t", trackOptions);
  setting.session.publish(ns("a"), broadcast.consume());
  await settle();
  await setting.peer.say({ type: "publishNamespaceOk", requestId: 1 });
  return { ...setting, time, track };
}

const subscribe = (deliveryTimeoutMs?: number) =>
  ({
    type: "subscribe",
    requestId: 0,
    namespace: fields("a"),
    trackName: utf8("t"),
    subscriberPriority: 128,
    groupOrder: "publisher",
    forward: true,
    filter: { type: "largestObject" },
    parameters: deliveryTimeoutMs === undefined ? {} : { deliveryTimeoutMs },
  }) as const;

describe("DELIVERY TIMEOUT", () => {
  test("an object that could not leave in time is given up with its stream, and later ones are delivered", async () => {
    const { peer, time, track, pair, session } = await serving();
    await peer.say(subscribe(500));
    pair.server.freeze();
    track.appendGroup().writeObject(utf8("late"));
    await time.advance(300);
    track.appendGroup().writeObject(utf8("just in time"));
    await time.advance(300);
    pair.server.freeze(false);
    await settle();
    expect(peer.streams.map(({ events }) => events)).toEqual([
      ["subgroup 0/1/0 p128", "object 0 size 12 status 0", "just in time"],
    ]);
    expect(session.state).toBe("established");
  });

  test("a stream of which something has left is reset with DELIVERY_TIMEOUT", async () => {
    const { peer, time, track } = await serving();
    await peer.say(subscribe(500));
    const subgroup = track.appendGroup().subgroup(0);
    subgroup.begin(0, 8);
    subgroup.write(utf8("half"));
    await time.advance(400);
    expect(peer.streams[0]?.events.at(-1)).toBe("half");
    await time.advance(200);
    expect(peer.streams[0]?.events.at(-1)).toBe("RESET 2");
  });

  test("who has sent everything is left alone, however long it is until the next object", async () => {
    const { peer, time, track } = await serving();
    await peer.say(subscribe(500));
    const subgroup = track.appendGroup().subgroup(0);
    subgroup.writeObject(utf8("one"));
    await time.advance(10_000);
    subgroup.writeObject(utf8("two"));
    subgroup.finish();
    await settle();
    expect(peer.streams[0]?.events).toContain("two");
    expect(peer.streams[0]?.events.at(-1)).toBe("FIN");
  });

  test("the lower of the subscriber's and the publisher's counts, the publisher's is told, and an update changes it", async () => {
    const { peer, time, track, pair } = await serving({ deliveryTimeoutMs: 400 });
    await peer.say(subscribe(60_000));
    expect(peer.last("subscribeOk").parameters).toEqual({ deliveryTimeoutMs: 400 });
    pair.server.freeze();
    track.appendGroup().writeObject(utf8("late"));
    await time.advance(450);
    pair.server.freeze(false);
    await peer.say({
      type: "subscribeUpdate",
      requestId: 2,
      subscriptionRequestId: 0,
      start: { group: 0, object: 0 },
      subscriberPriority: 128,
      forward: true,
      parameters: { deliveryTimeoutMs: 100 },
    });
    pair.server.freeze();
    track.appendGroup().writeObject(utf8("later"));
    await time.advance(150);
    pair.server.freeze(false);
    await settle();
    expect(peer.streams).toEqual([]);
  });

  test("without one nothing expires, and no timer runs", async () => {
    const { peer, time, track, pair } = await serving();
    await peer.say(subscribe());
    pair.server.freeze();
    const before = time.pending;
    track.appendGroup().writeObject(utf8("old"));
    expect(time.pending).toBe(before);
    await time.advance(60_000);
    pair.server.freeze(false);
    await settle();
    expect(peer.streams[0]?.events).toContain("old");
  });

  test("a time of 0 is none", () => {
    expect(lowerTimeout(0, undefined)).toBeUndefined();
    expect(lowerTimeout(0, 700)).toBe(700);
    expect(lowerTimeout(300, 700)).toBe(300);
  });
});

describe("MAX CACHE DURATION", () => {
  test("who joins late is not given objects that are too old, and is told the bound", async () => {
    const { peer, time, track } = await serving({ maxCacheDurationMs: 1000 });
    const subgroup = track.appendGroup().subgroup(0);
    subgroup.writeObject(utf8("old"));
    await time.advance(600);
    subgroup.writeObject(utf8("young"));
    await time.advance(600);
    await peer.say(subscribe());
    expect(peer.last("subscribeOk").parameters).toEqual({ maxCacheDurationMs: 1000 });
    expect(peer.streams.map(({ events }) => events)).toEqual([
      ["subgroup 0/0/0 p128", "object 1 size 5 status 0", "young"],
    ]);
  });

  test("behind objects that were sent there can be no gap: the stream is reset", async () => {
    const { peer, time, track, pair } = await serving({ maxCacheDurationMs: 1000 });
    await peer.say(subscribe());
    const subgroup = track.appendGroup().subgroup(0);
    subgroup.writeObject(utf8("sent"));
    await settle();
    pair.server.freeze();
    subgroup.writeObject(utf8("held back"));
    await time.advance(1500);
    pair.server.freeze(false);
    await settle();
    expect(peer.streams.map(({ events }) => events)).toEqual([
      ["subgroup 0/0/0 p128", "object 0 size 4 status 0", "sent", "RESET 2"],
    ]);
  });
});

test("a subscriber says how long objects are worth having, and hears what the publisher says", async () => {
  const { peer, session } = await againstServer();
  const consumer = session.subscribe(ns("a"), "t", { deliveryTimeoutMs: 700 });
  await settle();
  expect(peer.last("subscribe").parameters).toEqual({ deliveryTimeoutMs: 700 });
  await peer.say({
    type: "subscribeOk",
    requestId: peer.last("subscribe").requestId,
    trackAlias: 1,
    expiresMs: 0,
    groupOrder: "ascending",
    parameters: { deliveryTimeoutMs: 900, maxCacheDurationMs: 5000 },
  });
  await consumer.ready;
  expect(consumer).toMatchObject({ deliveryTimeoutMs: 900, maxCacheDurationMs: 5000 });
});
