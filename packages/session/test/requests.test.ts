import { BroadcastProducer } from "@moqingbird/model";
import { settle } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { cloudflareDraft14 } from "../src/index.ts";
import { againstClient, againstServer, fields, ns, utf8 } from "./support/against.ts";
import { emptyStats } from "./support/sessions.ts";

const subscribe = (requestId: number, track = `t${requestId}`) =>
  ({
    type: "subscribe",
    requestId,
    namespace: fields("a"),
    trackName: utf8(track),
    subscriberPriority: 1,
    groupOrder: "publisher",
    forward: true,
    filter: { type: "largestObject" },
    parameters: {},
  }) as const;

/** A session that serves the namespace "a", whatever the track. */
async function serving(options: Parameters<typeof againstClient>[0] = {}) {
  const setting = await againstClient(options);
  const broadcast = new BroadcastProducer({ onTrackRequest: (request) => void request.accept() });
  setting.session.publish(ns("a"), broadcast.consume());
  await settle();
  return { ...setting, broadcast };
}

describe("request ids", () => {
  test("are even from a client and odd from a server, and count up by two", async () => {
    const asClient = await againstServer();
    asClient.session.publish(ns("a"), new BroadcastProducer().consume());
    asClient.session.publish(ns("b"), new BroadcastProducer().consume());
    await settle();
    expect(asClient.peer.all("publishNamespace").map((message) => message.requestId)).toEqual([0, 2]);
    const asServer = await againstClient();
    asServer.session.publish(ns("a"), new BroadcastProducer().consume());
    asServer.session.publish(ns("b"), new BroadcastProducer().consume());
    await settle();
    expect(asServer.peer.all("publishNamespace").map((message) => message.requestId)).toEqual([1, 3]);
  });

  for (const [what, ids] of [
    ["of the wrong parity", [1]],
    ["used before", [0, 0]],
    ["that skip one", [0, 4]],
  ] as const) {
    test(`${what} end the session with INVALID_REQUEST_ID`, async () => {
      const { peer } = await serving();
      for (const id of ids) await peer.say(subscribe(id));
      expect(peer.closed).toMatchObject({ code: 4n });
    });
  }
});

describe("the pace of the peer's messages", () => {
  test("makes a peer wait that sends more, and loses nothing", async () => {
    const { peer, session, clock } = await serving({
      limits: { controlBurstBytes: 1000, controlBytesPerSecond: 10_000 },
    });
    for (let id = 0; id < 200; id += 2) await peer.say(subscribe(id));
    expect(session.stats.servedSubscriptions).toBeLessThan(20);
    await clock.advance(1000);
    await settle();
    const later = session.stats.servedSubscriptions;
    expect(later).toBeGreaterThan(20);
    expect(later).toBeLessThan(60);
    for (let second = 0; second < 5; second++) await clock.advance(1000);
    await settle();
    expect(session.stats.servedSubscriptions).toBe(100);
    expect(peer.closed).toBeUndefined();
  });
});

describe("the window of the peer's requests", () => {
  test("is announced in SETUP and ends the session beyond its edge", async () => {
    const { peer, session } = await serving({ limits: { maxOpenRequests: 2 } });
    expect(peer.last("serverSetup").parameters.maxRequestId).toBe(4);
    await peer.say(subscribe(0), subscribe(2));
    expect(peer.all("subscribeOk")).toHaveLength(2);
    expect(session.stats.openRequests).toBe(2);
    await peer.say(subscribe(4));
    expect(peer.closed).toMatchObject({ code: 7n });
  });

  test("moves as requests end, with few messages", async () => {
    const { peer, session } = await serving({ limits: { maxOpenRequests: 4 } });
    let id = 0;
    for (let round = 0; round < 20; round++) {
      await peer.say(subscribe(id), { type: "unsubscribe", requestId: id });
      id += 2;
    }
    expect(session.state).toBe("established");
    const raised = peer.all("maxRequestId").map((message) => message.requestId);
    expect(raised).toEqual([12, 16, 20, 24, 28, 32, 36, 40, 44, 48]);
    expect(session.stats.openRequests).toBe(0);
  });

  test("counts what stays open: announcements, prefixes and subscriptions", async () => {
    const { peer, session } = await serving({ limits: { maxOpenRequests: 4 } });
    await peer.say(
      subscribe(0),
      { type: "publishNamespace", requestId: 2, namespace: fields("mine"), parameters: {} },
      { type: "subscribeNamespace", requestId: 4, prefix: fields("other"), parameters: {} },
    );
    expect(session.stats.openRequests).toBe(3);
    await peer.say(
      { type: "publishNamespaceDone", namespace: fields("mine") },
      { type: "unsubscribeNamespace", prefix: fields("other") },
    );
    expect(session.stats.openRequests).toBe(1);
    expect(peer.last("maxRequestId").requestId).toBe(12);
  });

  test("is neither raised nor enforced for a peer that cannot bear MAX_REQUEST_ID", async () => {
    const { peer, session } = await serving({
      limits: { maxOpenRequests: 2 },
      peerImplementation: undefined as unknown as string,
      profile: cloudflareDraft14,
    });
    expect(peer.last("serverSetup").parameters.maxRequestId).toBe(0xffffffff);
    for (let id = 0; id < 20; id += 2) await peer.say(subscribe(id));
    expect(peer.all("subscribeOk")).toHaveLength(10);
    for (let id = 0; id < 20; id += 2) await peer.say({ type: "unsubscribe", requestId: id });
    expect(peer.all("maxRequestId")).toEqual([]);
    expect(session.state).toBe("established");
  });

  test("leaves more subscriptions than the limit refused, not the session closed", async () => {
    const { peer, session } = await serving({ limits: { maxSubscriptions: 1 } });
    await peer.say(subscribe(0), subscribe(2));
    expect(peer.last("subscribeError")).toMatchObject({ requestId: 2, errorCode: 0 });
    await peer.say({ type: "unsubscribe", requestId: 0 }, subscribe(4));
    expect(peer.last("subscribeOk")).toMatchObject({ requestId: 4 });
    expect(session.state).toBe("established");
  });
});

describe("the window the peer gives", () => {
  test("makes requests wait, says so once, and lets them go when it rises", async () => {
    const { peer, session } = await againstServer({ peerMaxRequestId: 2 });
    const first = session.publish(ns("a"), new BroadcastProducer().consume());
    const second = session.publish(ns("b"), new BroadcastProducer().consume());
    const third = session.publish(ns("c"), new BroadcastProducer().consume());
    await settle();
    expect(peer.all("publishNamespace")).toHaveLength(1);
    expect(peer.all("requestsBlocked")).toMatchObject([{ maxRequestId: 2 }]);
    await peer.say({ type: "publishNamespaceOk", requestId: 0 }, { type: "maxRequestId", requestId: 4 });
    await first.ready;
    expect(peer.all("publishNamespace").map((message) => message.requestId)).toEqual([0, 2]);
    await peer.say({ type: "publishNamespaceOk", requestId: 2 }, { type: "maxRequestId", requestId: 100 });
    await second.ready;
    await peer.say({ type: "publishNamespaceOk", requestId: 4 });
    await third.ready;
  });

  test("that never rises is a clear error in the end", async () => {
    const { clock, peer, session } = await againstServer({ peerMaxRequestId: 0 });
    const publication = session.publish(ns("a"), new BroadcastProducer().consume());
    await clock.advance(10_000);
    const error = await publication.ready.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "request-limit" });
    expect(String(error)).toContain("its MAX_REQUEST_ID is 0");
    expect(peer.all("publishNamespace")).toEqual([]);
    expect(session.stats.pendingRequests).toBe(0);
  });

  test("says nothing to a peer that cannot bear REQUESTS_BLOCKED", async () => {
    const { peer, session } = await againstServer({ peerMaxRequestId: 0, profile: cloudflareDraft14 });
    session.publish(ns("a"), new BroadcastProducer().consume());
    await settle();
    expect(peer.all("requestsBlocked")).toEqual([]);
  });

  test("may only rise", async () => {
    const { peer } = await againstServer({ peerMaxRequestId: 10 });
    await peer.say({ type: "maxRequestId", requestId: 10 });
    expect(peer.closed).toMatchObject({ code: 3n });
  });

  test("has room for a bounded number of waiting requests", async () => {
    const { session } = await againstServer({ peerMaxRequestId: 0, limits: { maxWaitingRequests: 1 } });
    session.publish(ns("a"), new BroadcastProducer().consume());
    const second = session.publish(ns("b"), new BroadcastProducer().consume());
    await expect(second.ready).rejects.toMatchObject({ code: "request-queue-full" });
    expect(second.state).toBe("refused");
  });
});

describe("answers", () => {
  test("to nothing, and of the wrong kind, are violations", async () => {
    const first = await againstServer();
    await first.peer.say({ type: "subscribeError", requestId: 0, errorCode: 1, reason: "" });
    expect(first.peer.closed).toMatchObject({ code: 3n });

    const second = await againstServer();
    second.session.publish(ns("a"), new BroadcastProducer().consume());
    await settle();
    await second.peer.say({ type: "subscribeNamespaceOk", requestId: 0 });
    expect(second.peer.closed).toMatchObject({ code: 3n });
  });

  test("to requests that this side never makes are violations", async () => {
    for (const message of [
      { type: "fetchError", requestId: 0, errorCode: 1, reason: "" },
      { type: "publishError", requestId: 0, errorCode: 1, reason: "" },
      { type: "trackStatusError", requestId: 0, errorCode: 1, reason: "" },
    ] as const) {
      const { peer } = await againstServer();
      await peer.say(message);
      expect(peer.closed, message.type).toMatchObject({ code: 3n });
    }
  });
});

describe("what is not supported", () => {
  test("FETCH, joining FETCH, TRACK_STATUS and PUBLISH are answered, never ignored", async () => {
    const { peer, session } = await serving();
    const location = { group: 0, object: 0 };
    await peer.say(
      subscribe(0),
      {
        type: "fetch",
        requestId: 2,
        subscriberPriority: 1,
        groupOrder: "ascending",
        range: { type: "standalone", namespace: fields("a"), trackName: utf8("t"), start: location, end: location },
        parameters: {},
      },
      {
        type: "fetch",
        requestId: 4,
        subscriberPriority: 1,
        groupOrder: "ascending",
        range: { type: "relativeJoining", joiningRequestId: 0, joiningStart: 1 },
        parameters: {},
      },
      { ...subscribe(6), type: "trackStatus" },
      {
        type: "publish",
        requestId: 8,
        namespace: fields("p"),
        trackName: utf8("t"),
        trackAlias: 77,
        groupOrder: "ascending",
        forward: true,
        parameters: {},
      },
      { type: "fetchCancel", requestId: 2 },
    );
    expect(peer.all("fetchError")).toMatchObject([
      { requestId: 2, errorCode: 3 },
      { requestId: 4, errorCode: 3 },
    ]);
    expect(peer.last("trackStatusError")).toMatchObject({ requestId: 6, errorCode: 3 });
    expect(peer.last("publishError")).toMatchObject({ requestId: 8, errorCode: 3 });
    expect(session.stats.openRequests).toBe(1);
    await expect(session.fetch()).rejects.toMatchObject({ code: "not-supported" });
    await expect(session.trackStatus()).rejects.toMatchObject({ code: "not-supported" });
  });
});

describe("a session that ends", () => {
  test("fails what waits, with the reason, and forgets everything", async () => {
    const { clock, pair, session } = await againstServer();
    const publication = session.publish(ns("a"), new BroadcastProducer().consume());
    const track = session.subscribe(ns("b"), "t");
    pair.server.close({ code: 0x18, reason: "token expired" });
    await settle();
    await expect(publication.ready).rejects.toMatchObject({
      code: "session-closed",
      message: "The session is over: token expired.",
    });
    expect(publication.state).toBe("closed");
    await expect(track.ready).rejects.toThrow(/token expired/);
    expect(await session.closed).toMatchObject({
      by: "peer-application",
      code: 0x18n,
      name: "EXPIRED_AUTH_TOKEN",
      reason: "token expired",
      clean: false,
    });
    expect(session.stats).toEqual(emptyStats);
    expect(clock.pending).toBe(0);
    expect(() => session.publish(ns("c"), new BroadcastProducer().consume())).toThrow(/session is over/);
    await expect(session.subscribe(ns("c"), "t").ready).rejects.toThrow();
  });
});
