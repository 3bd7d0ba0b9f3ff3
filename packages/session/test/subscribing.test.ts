import { TrackNamespace } from "@moqingbird/model";
import { settle } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { cloudflareDraft14 } from "../src/index.ts";
import { type AgainstOptions, againstServer, fields, ns, utf8 } from "./support/against.ts";
import { type RawPeer, subgroupBytes } from "./support/raw-peer.ts";
import { emptyStats, watch } from "./support/sessions.ts";

const ok = (requestId: number, trackAlias: number) =>
  ({ type: "subscribeOk", requestId, trackAlias, expiresMs: 0, groupOrder: "ascending", parameters: {} }) as const;
const done = (requestId: number, streamCount: number | undefined, status = 2, reason = "") =>
  ({ type: "publishDone", requestId, status, reason, ...(streamCount !== undefined && { streamCount }) }) as const;
const one = (trackAlias: number, group: number, payload = `g${group}`) =>
  subgroupBytes({ trackAlias, group }, [{ id: 0, payload }]);

/** A subscription to the track "t" of the namespace "a", accepted under alias 40. */
async function subscribed(options: AgainstOptions = {}) {
  const setting = await againstServer(options);
  const consumer = setting.session.subscribe(ns("a"), "t");
  await settle();
  await setting.peer.say(ok(0, 40));
  await consumer.ready;
  return { ...setting, consumer, seen: watch(consumer) };
}

const payloads = (seen: { subgroups: { objects: { payload: string }[] }[] }) =>
  seen.subgroups.map(({ objects }) => objects.map(({ payload }) => payload).join());

describe("a subscription of ours", () => {
  test("asks for the largest object, in the publisher's order, unless told otherwise", async () => {
    const { peer, session } = await againstServer();
    session.subscribe(ns("a/b"), "t");
    session.subscribe(ns("a/b"), Uint8Array.of(0xff), {
      filter: { type: "absoluteStart", start: { group: 7, object: 1 } },
      priority: 9,
      order: "descending",
    });
    await settle();
    expect(peer.all("subscribe")).toEqual([
      {
        type: "subscribe",
        requestId: 0,
        namespace: fields("a", "b"),
        trackName: utf8("t"),
        subscriberPriority: 128,
        groupOrder: "publisher",
        forward: true,
        filter: { type: "largestObject" },
        parameters: {},
      },
      expect.objectContaining({
        requestId: 2,
        trackName: Uint8Array.of(0xff),
        subscriberPriority: 9,
        groupOrder: "descending",
        filter: { type: "absoluteStart", start: { group: 7, object: 1 } },
      }),
    ]);
  });

  test("knows the publisher's order and largest object", async () => {
    const { peer, session } = await againstServer();
    const consumer = session.subscribe(ns("a"), "t");
    await settle();
    await peer.say({ ...ok(0, 1), groupOrder: "descending", largest: { group: 6, object: 2 } });
    expect(consumer).toMatchObject({ state: "live", order: "descending", largest: { group: 6, object: 2 } });
  });

  test("that the peer refuses carries the peer's code and words", async () => {
    const { peer, session } = await againstServer();
    const consumer = session.subscribe(ns("a"), "t");
    await settle();
    await peer.say({ type: "subscribeError", requestId: 0, errorCode: 0x1234, reason: "not today" });
    await expect(consumer.ready).rejects.toMatchObject({ code: "track-rejected", wireCode: 0x1234 });
    expect(consumer.ending?.reason).toBe("not today");
    expect(session.stats.subscriptions).toBe(0);
  });

  test("that nobody answers is given up after its time, and a late answer is no violation", async () => {
    const { clock, peer, session } = await againstServer();
    const consumer = session.subscribe(ns("a"), "t", { timeoutMs: 500 });
    await clock.advance(499);
    expect(consumer.state).toBe("requested");
    await clock.advance(1);
    await expect(consumer.ready).rejects.toMatchObject({ wireCode: 0x2 });
    expect(consumer.ending?.reason).toContain("did not answer SUBSCRIBE within 500 ms");
    expect(peer.last("unsubscribe")).toMatchObject({ requestId: 0 });
    await peer.say(ok(0, 3));
    const late = peer.stream(one(3, 1), false);
    await settle();
    expect(late.events).toEqual(["stopped 1"]);
    expect(session.state).toBe("established");
    expect(session.stats).toMatchObject({ subscriptions: 0, incomingStreams: 0 });
  });

  test("that was given up before thousands of others may still be answered", async () => {
    const { peer, session } = await againstServer({ peerMaxRequestId: 10_000 });
    for (let i = 0; i < 1500; i++) {
      session.subscribe(ns("a"), `t${i}`).close();
      if (i % 100 === 0) await settle();
    }
    await settle();
    expect(peer.all("unsubscribe")).toHaveLength(1500);
    await peer.say({ type: "subscribeError", requestId: 0, errorCode: 4, reason: "no such track" });
    expect(peer.closed).toBeUndefined();
    expect(session.state).toBe("established");
  });

  test("is given up when its last reader leaves, also before the answer", async () => {
    const { peer, session } = await againstServer();
    const broadcast = session.consume(ns("a"));
    const [first, second] = [broadcast.track("t"), broadcast.track("t")];
    await settle();
    first.close();
    await settle();
    expect(peer.all("unsubscribe")).toEqual([]);
    second.close();
    await settle();
    expect(peer.all("unsubscribe")).toMatchObject([{ requestId: 0 }]);
    // Asked for again, it is a new subscription.
    broadcast.track("t");
    await settle();
    expect(peer.last("subscribe").requestId).toBe(2);
  });

  test("is shared by everybody who consumes the namespace", async () => {
    const { peer, session } = await againstServer();
    const readers = [session.consume(ns("a")), session.consume(ns("a"))].map((broadcast) => broadcast.track("t"));
    readers.push(session.subscribe(ns("a"), "t"));
    await settle();
    expect(peer.all("subscribe")).toHaveLength(1);
    await peer.say(ok(0, 1));
    expect(readers.map((reader) => reader.state)).toEqual(["live", "live", "live"]);
  });

  test("needs a namespace", async () => {
    const { session } = await againstServer();
    expect(() => session.consume(TrackNamespace.of())).toThrow(expect.objectContaining({ code: "namespace-empty" }));
  });
});

describe("data that arrives", () => {
  test("as a datagram before its SUBSCRIBE_OK waits for it, too", async () => {
    const { peer, session } = await againstServer();
    const consumer = session.subscribe(ns("a"), "t");
    await settle();
    // Object datagram: alias 5, group 1, object 0, priority 128, payload "tick".
    peer.end.sendDatagram(Uint8Array.of(0x00, 5, 1, 0, 128, ...utf8("tick")));
    await settle();
    expect(session.stats.earlyBytes).toBe(9 + 256);
    await peer.say(ok(0, 5));
    expect(watch(consumer).datagrams).toMatchObject([{ group: 1, object: 0, payload: "tick" }]);
  });

  test("before its SUBSCRIBE_OK waits for it", async () => {
    const { peer, session } = await againstServer();
    const consumer = session.subscribe(ns("a"), "t");
    await settle();
    peer.stream(one(5, 1, "x".repeat(5000)));
    peer.stream(one(5, 2), false);
    await settle();
    // What follows the stream headers, object headers and payload, and the overhead of six chunks.
    expect(session.stats.earlyBytes).toBe(3 + 5000 + 2 + 2 + 6 * 256);
    await peer.say(ok(0, 5));
    const seen = watch(consumer, { group: 0, object: 0 });
    await settle();
    expect(payloads(seen)).toEqual(["x".repeat(5000), "g2"]);
    expect(seen.subgroups.map(({ end }) => end)).toEqual(["finished", "open"]);
    expect(session.stats.earlyBytes).toBe(0);
  });

  test("and is claimed by nobody is stopped after two seconds", async () => {
    const { clock, peer, session } = await againstServer();
    const stream = peer.stream(one(5, 1), false);
    await clock.advance(1999);
    expect(stream.events).toEqual([]);
    await clock.advance(1);
    expect(stream.events).toEqual(["stopped 1"]);
    expect(session.stats).toMatchObject({ incomingStreams: 0, earlyBytes: 0, trackAliases: 0 });
    expect(clock.pending).toBe(0);
  });

  test("unclaimed is held within bounds, of bytes and of streams", async () => {
    const { peer, session } = await againstServer({ limits: { maxEarlyBytes: 1000, maxEarlyStreams: 2 } });
    const first = peer.stream(one(5, 1, "x".repeat(600)), false);
    await settle();
    const second = peer.stream(one(6, 1, "x".repeat(600)), false);
    await settle();
    expect([first.events, second.events]).toEqual([[], ["stopped 1"]]);
    expect(session.stats.earlyBytes).toBeLessThanOrEqual(1000);
    peer.stream(one(7, 1), false);
    await settle();
    const fourth = peer.stream(one(8, 1), false);
    await settle();
    expect(fourth.events).toEqual(["stopped 1"]);
    expect(session.state).toBe("established");
  });

  test("after the subscription ended is stopped at once", async () => {
    const { consumer, peer } = await subscribed();
    consumer.close();
    await settle();
    const late = peer.stream(one(40, 9), false);
    await settle();
    expect(late.events).toEqual(["stopped 1"]);
  });

  test("for a PUBLISH we refused is stopped at once", async () => {
    const { peer } = await againstServer();
    await peer.say({
      type: "publish",
      requestId: 1,
      namespace: fields("p"),
      trackName: utf8("t"),
      trackAlias: 77,
      groupOrder: "ascending",
      forward: true,
      parameters: {},
    });
    const pushed = peer.stream(one(77, 0), false);
    await settle();
    expect(pushed.events).toEqual(["stopped 1"]);
  });

  test("under an alias that two tracks share ends the session", async () => {
    const { peer, session } = await subscribed();
    session.subscribe(ns("a"), "other");
    await settle();
    await peer.say(ok(2, 40));
    expect(peer.closed).toMatchObject({ code: 5n });
  });

  test("of a subgroup that resumes on another stream is taken from there", async () => {
    const { peer, seen } = await subscribed();
    const cut = peer.stream(subgroupBytes({ trackAlias: 40, group: 1 }, [{ id: 0, payload: "a" }]), false);
    await settle();
    // The new stream overtakes the reset of the old one.
    peer.stream(subgroupBytes({ trackAlias: 40, group: 1 }, [{ id: 1, payload: "b" }]));
    await settle();
    expect(cut.events).toEqual(["stopped 1"]);
    expect(seen.subgroups).toMatchObject([
      { end: "reset 1", objects: [{ id: 0 }] },
      { end: "finished", objects: [{ id: 1, payload: "b" }] },
    ]);
  });

  test("on a fetch stream that nobody asked for is a violation", async () => {
    const { peer } = await subscribed();
    peer.stream(Uint8Array.of(0x05, 0x00));
    await settle();
    expect(peer.closed).toMatchObject({ code: 3n });
  });

  test("cut in the middle of an object by FIN is a violation", async () => {
    const { peer } = await subscribed();
    peer.stream(one(40, 1, "long enough").subarray(0, 8));
    await settle();
    expect(peer.closed).toMatchObject({ code: 3n });
  });

  test("cut in the middle of an object by FIN is a reset, where the peer knows no other way", async () => {
    const { peer, seen, session } = await subscribed({ profile: cloudflareDraft14 });
    peer.stream(one(40, 1, "long enough").subarray(0, 8));
    peer.stream(one(40, 2));
    await settle();
    expect(session.state).toBe("established");
    expect(seen.subgroups.map(({ end }) => end)).toEqual(["reset 0", "finished"]);
  });
});

describe("a malformed track", () => {
  /** Ends the subscription, not the session. */
  async function expectMalformed(send: (peer: RawPeer) => void, datagramFirst = false): Promise<void> {
    const { peer, seen, session } = await subscribed();
    if (datagramFirst) peer.end.sendDatagram(Uint8Array.of(0x00, 0x28, 0, 0, 128, 1));
    await settle();
    send(peer);
    await settle();
    expect(session.state).toBe("established");
    expect(peer.last("unsubscribe")).toMatchObject({ requestId: 0 });
    expect(seen.ended).toBe("aborted 7");
    expect(session.stats.subscriptions).toBe(0);
  }

  test("has an object beyond the end of its group", () =>
    expectMalformed((peer) => {
      peer.stream(subgroupBytes({ trackAlias: 40, group: 1, subgroup: 0 }, [{ id: 5, status: 3 }]));
      peer.stream(subgroupBytes({ trackAlias: 40, group: 1, subgroup: 1 }, [{ id: 6, payload: "beyond" }]));
    }));

  test("has an object beyond the end of the track", () =>
    expectMalformed((peer) => {
      peer.stream(subgroupBytes({ trackAlias: 40, group: 1 }, [{ id: 0, status: 4 }]));
      peer.stream(one(40, 2));
    }));

  test("mixes streams and datagrams", () => expectMalformed((peer) => peer.stream(one(40, 1)), true));
});

describe("PUBLISH_DONE", () => {
  test("waits for the streams it counts, and takes effect at once when they are there", async () => {
    const { clock, peer, seen } = await subscribed();
    await peer.say(done(0, 2));
    peer.stream(one(40, 1));
    await settle();
    expect(seen.ended).toBeUndefined();
    peer.stream(one(40, 2));
    await settle();
    expect(seen.ended).toBe("finished");
    expect(payloads(seen)).toEqual(["g1", "g2"]);
    expect(clock.pending).toBe(0);
  });

  for (const [what, count] of [
    ["0", 0],
    ["unknown", undefined],
    ["too high", 9],
  ] as const) {
    test(`with a stream count that is ${what} takes effect after a grace time`, async () => {
      const { clock, peer, seen, session } = await subscribed();
      await peer.say(done(0, count));
      await clock.advance(900);
      peer.stream(one(40, 7));
      await settle();
      expect(seen.ended).toBeUndefined();
      await clock.advance(100);
      expect(seen.ended).toBe("finished");
      expect(payloads(seen)).toEqual(["g7"]);
      expect(session.stats.subscriptions).toBe(0);
    });
  }

  test("lets a stream that is open finish, however long that takes", async () => {
    const { clock, peer, seen } = await subscribed();
    const stream = peer.stream(one(40, 1), false);
    await settle();
    await peer.say(done(0, 1));
    await clock.advance(60_000);
    expect(seen.ended).toBeUndefined();
    stream.finish();
    await settle();
    expect(seen.ended).toBe("finished");
    expect(seen.subgroups[0]?.end).toBe("finished");
  });

  test("with an error is an abort with the peer's code", async () => {
    const { clock, peer, seen } = await subscribed();
    await peer.say(done(0, 0, 0x6, "too slow"));
    await clock.advance(1000);
    expect(seen.ended).toBe("aborted 6");
  });

  test('of status 0 and reason "done" is how Cloudflare\'s draft-14 code ends a track', async () => {
    const clean = await subscribed({ profile: cloudflareDraft14 });
    await clean.peer.say(done(0, 0, 0, "done"));
    await clean.clock.advance(1000);
    expect(clean.seen.ended).toBe("finished");
    const failed = await subscribed();
    await failed.peer.say(done(0, 0, 0, "done"));
    await failed.clock.advance(1000);
    expect(failed.seen.ended).toBe("aborted 0");
  });

  test("for a subscription that never was, or was not accepted, is a violation", async () => {
    const { peer } = await subscribed();
    await peer.say(done(6, 0));
    expect(peer.closed).toMatchObject({ code: 3n });
    const pending = await againstServer();
    pending.session.subscribe(ns("a"), "t");
    await settle();
    await pending.peer.say(done(0, 0));
    expect(pending.peer.closed).toMatchObject({ code: 3n });
  });

  test("for a subscription we have left is ignored", async () => {
    const { consumer, peer, session } = await subscribed();
    consumer.close();
    await settle();
    await peer.say(done(0, 0));
    expect(session.state).toBe("established");
  });
});

describe("a publisher's session that ends", () => {
  test("with NO_ERROR finishes its tracks", async () => {
    const { pair, seen } = await subscribed();
    pair.server.close({ code: 0, reason: "" });
    await settle();
    expect(seen.ended).toBe("finished");
  });

  test("otherwise aborts them as ended, and cuts what is open", async () => {
    const { clock, pair, peer, seen, session } = await subscribed();
    peer.stream(one(40, 1), false);
    await settle();
    pair.server.drop("idle");
    await settle();
    expect(seen.ended).toBe("aborted 2");
    expect(seen.subgroups[0]?.end).toBe("reset 3");
    expect(session.stats).toEqual(emptyStats);
    expect(clock.pending).toBe(0);
  });
});
