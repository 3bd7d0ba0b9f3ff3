import { BroadcastProducer, Origin, TrackNamespace } from "@moqingbird/model";
import { settle } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { RequestRefused, type Session } from "../src/index.ts";
import { againstClient, againstServer, fields, ns } from "./support/against.ts";
import { join } from "./support/sessions.ts";

function heard(session: Session, prefix: TrackNamespace) {
  const events: string[] = [];
  const announced = session.announced(prefix, {
    added: (namespace) => events.push(`+${namespace.toString()}`),
    removed: (namespace) => events.push(`-${namespace.toString()}`),
  });
  return { events, announced };
}

describe("publishing a namespace", () => {
  test("is told, accepted, and withdrawn when its broadcast ends", async () => {
    const { peer, session } = await againstServer();
    const broadcast = new BroadcastProducer();
    const publication = session.publish(ns("a/b"), broadcast.consume());
    await settle();
    expect(peer.last("publishNamespace")).toMatchObject({ requestId: 0, namespace: fields("a", "b") });
    expect(publication.state).toBe("requested");
    await peer.say({ type: "publishNamespaceOk", requestId: 0 });
    await publication.ready;
    broadcast.finish();
    await settle();
    expect(publication.state).toBe("withdrawn");
    expect(peer.last("publishNamespaceDone").namespace).toEqual(fields("a", "b"));
    expect(session.stats.publications).toBe(0);
  });

  test("that the peer refuses is an error with the peer's code", async () => {
    const { peer, session } = await againstServer();
    const publication = session.publish(ns("a"), new BroadcastProducer().consume());
    await settle();
    await peer.say({ type: "publishNamespaceError", requestId: 0, errorCode: 0x1, reason: "go away" });
    const error = await publication.ready.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestRefused);
    expect(error).toMatchObject({ wireCode: 1, wireName: "UNAUTHORIZED", reason: "go away" });
    expect(publication.state).toBe("refused");
    expect(peer.all("publishNamespaceDone")).toEqual([]);
  });

  test("that nobody answers in time is taken back", async () => {
    const { clock, peer, session } = await againstServer();
    const publication = session.publish(ns("a"), new BroadcastProducer().consume());
    await clock.advance(10_000);
    await expect(publication.ready).rejects.toMatchObject({ code: "request-timeout" });
    expect(peer.all("publishNamespaceDone")).toHaveLength(1);
    // The late answer is no violation.
    await peer.say({ type: "publishNamespaceOk", requestId: 0 });
    expect(session.state).toBe("established");
    expect(session.stats.publications).toBe(0);
  });

  test("that the peer cancels says so, and sends no PUBLISH_NAMESPACE_DONE", async () => {
    const { peer, session } = await againstServer();
    const publication = session.publish(ns("a"), new BroadcastProducer().consume());
    const states: string[] = [];
    publication.onState = (state) => states.push(state);
    await settle();
    await peer.say(
      { type: "publishNamespaceOk", requestId: 0 },
      { type: "publishNamespaceCancel", namespace: fields("a"), errorCode: 0x12, reason: "token expired" },
    );
    expect(states).toEqual(["active", "cancelled"]);
    expect(publication.error).toMatchObject({ wireCode: 0x12, reason: "token expired" });
    publication.withdraw();
    await settle();
    expect(peer.all("publishNamespaceDone")).toEqual([]);
    // It may be published again.
    session.publish(ns("a"), new BroadcastProducer().consume());
    await settle();
    expect(peer.all("publishNamespace")).toHaveLength(2);
  });

  test("twice on one session, an empty one, and an ended broadcast are the caller's mistakes", async () => {
    const { session } = await againstServer();
    session.publish(ns("a"), new BroadcastProducer().consume());
    const publish = (namespace: TrackNamespace, broadcast = new BroadcastProducer().consume()) =>
      session.publish(namespace, broadcast);
    expect(() => publish(ns("a"))).toThrow(expect.objectContaining({ code: "namespace-in-use" }));
    expect(() => publish(TrackNamespace.of())).toThrow(expect.objectContaining({ code: "namespace-empty" }));
    const ended = new BroadcastProducer();
    const consumer = ended.consume();
    ended.finish();
    expect(() => publish(ns("b"), consumer)).toThrow(expect.objectContaining({ code: "broadcast-ended" }));
  });

  test("two answers to one announcement are a violation", async () => {
    const { peer, session } = await againstServer();
    session.publish(ns("a"), new BroadcastProducer().consume());
    await settle();
    await peer.say({ type: "publishNamespaceOk", requestId: 0 }, { type: "publishNamespaceOk", requestId: 0 });
    expect(peer.closed).toMatchObject({ code: 3n });
  });
});

describe("hearing of namespaces", () => {
  test("tells what was announced before, then changes, and only under the prefix", async () => {
    const { peer, session } = await againstClient();
    await peer.say({ type: "publishNamespace", requestId: 0, namespace: fields("a", "1"), parameters: {} });
    const { events, announced } = heard(session, ns("a"));
    expect(events).toEqual(["+a/1"]);
    await settle();
    expect(peer.last("subscribeNamespace")).toMatchObject({ requestId: 1, prefix: fields("a") });
    await peer.say({ type: "subscribeNamespaceOk", requestId: 1 });
    await announced.ready;
    await peer.say(
      { type: "publishNamespace", requestId: 2, namespace: fields("a", "2"), parameters: {} },
      { type: "publishNamespace", requestId: 4, namespace: fields("ab"), parameters: {} },
      { type: "publishNamespaceDone", namespace: fields("a", "1") },
    );
    expect(events).toEqual(["+a/1", "+a/2", "-a/1"]);
    expect(peer.all("publishNamespaceOk").map((message) => message.requestId)).toEqual([0, 2, 4]);
    announced.stop();
    await settle();
    expect(peer.last("unsubscribeNamespace")).toMatchObject({ prefix: fields("a") });
  });

  test("goes on when the peer leaves SUBSCRIBE_NAMESPACE unanswered", async () => {
    const { clock, peer, session } = await againstClient();
    const { events, announced } = heard(session, ns("a"));
    await clock.advance(10_000);
    await expect(announced.ready).rejects.toMatchObject({ code: "request-timeout" });
    await peer.say({ type: "publishNamespace", requestId: 0, namespace: fields("a"), parameters: {} });
    expect(events).toEqual(["+a"]);
  });

  test("a second announcement of a namespace changes nothing", async () => {
    const { peer, session } = await againstClient();
    const { events } = heard(session, TrackNamespace.of());
    await peer.say(
      { type: "publishNamespace", requestId: 0, namespace: fields("a"), parameters: {} },
      { type: "publishNamespace", requestId: 2, namespace: fields("a"), parameters: {} },
    );
    expect(peer.all("publishNamespaceOk")).toHaveLength(2);
    expect(events).toEqual(["+a"]);
    expect(session.stats).toMatchObject({ announcements: 1, openRequests: 1 });
  });

  test("refuses what the gate refuses, and more than the limit", async () => {
    const { peer, session } = await againstClient({
      limits: { maxAnnouncements: 1 },
      onPublishNamespace: (namespace) =>
        namespace.startsWith(ns("private")) ? { code: 0x1, reason: "private" } : undefined,
    });
    await peer.say(
      { type: "publishNamespace", requestId: 0, namespace: fields("private", "x"), parameters: {} },
      { type: "publishNamespace", requestId: 2, namespace: fields("a"), parameters: {} },
      { type: "publishNamespace", requestId: 4, namespace: fields("b"), parameters: {} },
    );
    expect(peer.all("publishNamespaceError")).toMatchObject([
      { requestId: 0, errorCode: 1, reason: "private" },
      { requestId: 4, errorCode: 0 },
    ]);
    expect(session.stats.announcements).toBe(1);
  });

  test("a prefix that covers one asked for already is refused here, one that is covered shares it", async () => {
    const { peer, session } = await againstClient();
    const first = heard(session, ns("a/b"));
    await settle();
    await peer.say({ type: "subscribeNamespaceOk", requestId: 1 });
    const covered = heard(session, ns("a/b/c"));
    await covered.announced.ready;
    await expect(heard(session, ns("a")).announced.ready).rejects.toMatchObject({ code: "prefix-overlap" });
    await settle();
    expect(peer.all("subscribeNamespace")).toHaveLength(1);
    first.announced.stop();
    await settle();
    expect(peer.all("unsubscribeNamespace")).toHaveLength(0);
    covered.announced.stop();
    await settle();
    expect(peer.all("unsubscribeNamespace")).toHaveLength(1);
  });

  test("takes an acceptance back", async () => {
    const { peer, session } = await againstClient();
    const { events } = heard(session, TrackNamespace.of());
    await peer.say({ type: "publishNamespace", requestId: 0, namespace: fields("a"), parameters: {} });
    expect(session.cancelAnnouncement(ns("a"), 0x1, "expired")).toBe(true);
    expect(session.cancelAnnouncement(ns("a"), 0x1, "expired")).toBe(false);
    await settle();
    expect(peer.last("publishNamespaceCancel")).toMatchObject({
      namespace: fields("a"),
      errorCode: 1,
      reason: "expired",
    });
    expect(events).toEqual(["+a", "-a"]);
  });

  test("all that was announced is gone when the session ends", async () => {
    const { pair, peer, session } = await againstClient();
    const { events } = heard(session, TrackNamespace.of());
    await peer.say({ type: "publishNamespace", requestId: 0, namespace: fields("a"), parameters: {} });
    pair.server.drop();
    await settle();
    expect(events).toEqual(["+a", "-a"]);
    expect(await session.closed).toMatchObject({ by: "idle", clean: false });
  });
});

describe("serving an origin", () => {
  async function serving(options: Parameters<Session["publishOrigin"]>[1] = {}) {
    const setting = await againstClient();
    const origin = new Origin();
    const add = (path: string) => origin.publish(ns(path), new BroadcastProducer().consume());
    return { ...setting, origin, add, share: () => setting.session.publishOrigin(origin, options) };
  }
  const subscribeNamespace = (requestId: number, ...prefix: string[]) =>
    ({ type: "subscribeNamespace", requestId, prefix: fields(...prefix), parameters: {} }) as const;

  test("announces what was asked for: the current set, then changes", async () => {
    const { add, peer, share } = await serving();
    const first = add("a/1");
    add("b/1");
    share();
    await settle();
    expect(peer.all("publishNamespace")).toEqual([]);
    await peer.say(subscribeNamespace(0, "a"));
    expect(peer.received.slice(-2)).toMatchObject([
      { type: "subscribeNamespaceOk", requestId: 0 },
      { type: "publishNamespace", requestId: 1, namespace: fields("a", "1") },
    ]);
    await peer.say({ type: "publishNamespaceOk", requestId: 1 });
    add("a/2");
    first.withdraw();
    await settle();
    expect(peer.received.slice(-2)).toMatchObject([
      { type: "publishNamespace", requestId: 3, namespace: fields("a", "2") },
      { type: "publishNamespaceDone", namespace: fields("a", "1") },
    ]);
  });

  test("also when the peer asked before the origin was shared", async () => {
    const { add, peer, share } = await serving();
    add("a/1");
    await peer.say(subscribeNamespace(0, "a"));
    expect(peer.all("publishNamespace")).toEqual([]);
    share();
    await settle();
    expect(peer.all("publishNamespace")).toHaveLength(1);
  });

  test("refuses overlapping prefixes on one session", async () => {
    const { peer, share } = await serving();
    share();
    await peer.say(
      subscribeNamespace(0, "a", "b"),
      subscribeNamespace(2, "a"),
      subscribeNamespace(4, "a", "b", "c"),
      subscribeNamespace(6, "a", "b"),
      subscribeNamespace(8, "a", "c"),
    );
    expect(peer.all("subscribeNamespaceOk").map((message) => message.requestId)).toEqual([0, 8]);
    expect(peer.all("subscribeNamespaceError")).toMatchObject([
      { requestId: 2, errorCode: 5 },
      { requestId: 4, errorCode: 5 },
      { requestId: 6, errorCode: 5 },
    ]);
    // Once withdrawn, the prefix is free again.
    await peer.say({ type: "unsubscribeNamespace", prefix: fields("a", "b") }, subscribeNamespace(10, "a", "b"));
    expect(peer.last("subscribeNamespaceOk").requestId).toBe(10);
  });

  test("says nothing more of a prefix that was given up", async () => {
    const { add, peer, share, session } = await serving();
    const known = add("a/1");
    share();
    await peer.say(subscribeNamespace(0, "a"));
    await peer.say({ type: "publishNamespaceOk", requestId: 1 });
    await peer.say({ type: "unsubscribeNamespace", requestId: 0 });
    add("a/2");
    known.withdraw();
    await settle();
    expect(peer.all("publishNamespace")).toHaveLength(1);
    expect(peer.all("publishNamespaceDone")).toHaveLength(0);
    expect(session.stats).toMatchObject({ publications: 0, peerPrefixes: 0 });
  });

  test("announces everything unasked when told to, but what the filter hides", async () => {
    const { add, peer, share } = await serving({
      unasked: true,
      filter: (namespace) => !namespace.startsWith(ns("hidden")),
    });
    add("a");
    add("hidden/b");
    share();
    await settle();
    expect(peer.all("publishNamespace").map((message) => message.namespace)).toEqual([fields("a")]);
  });

  test("a broadcast that is replaced in the origin is announced again", async () => {
    const { add, peer, share } = await serving();
    add("a");
    share();
    await peer.say(subscribeNamespace(0, "a"));
    await peer.say({ type: "publishNamespaceOk", requestId: 1 });
    add("a");
    await settle();
    expect(peer.received.slice(-2)).toMatchObject([
      { type: "publishNamespaceDone", namespace: fields("a") },
      { type: "publishNamespace", requestId: 3, namespace: fields("a") },
    ]);
  });

  test("two sessions around one origin hear of each other's namespaces", async () => {
    const origin = new Origin();
    const left = await join();
    const right = await join();
    for (const { server } of [left, right]) {
      server.publishOrigin(origin);
      server.announced(TrackNamespace.of(), {
        added: (namespace, broadcast) => void origin.publish(namespace, broadcast),
        removed: () => {},
      });
    }
    const { events } = heard(right.client, ns("live"));
    await settle();
    await left.client.publish(ns("live/x"), new BroadcastProducer().consume()).ready;
    await settle();
    expect(events).toEqual(["+live/x"]);
    await left.client.close();
    await settle();
    expect(events).toEqual(["+live/x", "-live/x"]);
  });
});
