import { BroadcastProducer } from "@moqingbird/model";
import { settle } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { cloudflareDraft14 } from "../src/index.ts";
import { againstClient, againstServer, fields, ns, utf8 } from "./support/against.ts";

const subscribe = (requestId: number, track = "t") =>
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

async function serving() {
  const setting = await againstClient();
  const broadcast = new BroadcastProducer();
  const track = broadcast.createTrack("t");
  setting.session.publish(ns("a"), broadcast.consume());
  await settle();
  await setting.peer.say({ type: "publishNamespaceOk", requestId: 1 }, subscribe(0));
  return { ...setting, broadcast, track };
}

describe("draining", () => {
  test("tells the peer where to go, refuses what is new, and lets what runs end by itself", async () => {
    const { clock, peer, session, track } = await serving();
    const drained = session.drain({ newSessionUri: "moqt://next.example/live", timeoutMs: 5000 });
    await settle();
    expect(session.state).toBe("draining");
    expect(peer.last("goaway").newSessionUri).toBe("moqt://next.example/live");
    await peer.say(
      subscribe(2, "u"),
      { type: "publishNamespace", requestId: 4, namespace: fields("b"), parameters: {} },
      { type: "subscribeNamespace", requestId: 6, prefix: fields("c"), parameters: {} },
    );
    expect(peer.last("subscribeError")).toMatchObject({ requestId: 2, reason: "This session is going away." });
    expect(peer.last("publishNamespaceError")).toMatchObject({ requestId: 4 });
    expect(peer.last("subscribeNamespaceError")).toMatchObject({ requestId: 6 });
    const group = track.appendGroup();
    group.writeObject(utf8("last words"));
    group.finish();
    track.finish();
    await settle();
    expect(peer.streams[0]?.events.at(-1)).toBe("FIN");
    expect(peer.last("publishDone")).toMatchObject({ requestId: 0, status: 2 });
    await clock.advance(250);
    expect(await drained).toMatchObject({ by: "local", code: 0n, clean: true });
    expect(peer.closed).toMatchObject({ code: 0n });
    expect(clock.pending).toBe(0);
  });

  test("ends what is left when the time is up: GOING_AWAY, then a time-out", async () => {
    const { clock, peer, session, track } = await serving();
    track.appendGroup().writeObject(utf8("unfinished"));
    const drained = session.drain({ timeoutMs: 5000 });
    await clock.advance(4999);
    expect(peer.all("publishDone")).toEqual([]);
    await clock.advance(1);
    expect(peer.streams[0]?.events.at(-1)).toBe("RESET 1");
    expect(peer.last("publishDone")).toMatchObject({ requestId: 0, status: 4, streamCount: 1 });
    await clock.advance(250);
    expect(await drained).toMatchObject({ by: "local" });
    expect(session.state).toBe("closed");
  });

  test("says nothing to a peer that cannot bear GOAWAY", async () => {
    const { clock, peer, session } = await againstClient({ profile: cloudflareDraft14 });
    const drained = session.drain();
    await clock.advance(250);
    await drained;
    expect(peer.all("goaway")).toEqual([]);
    expect(peer.closed).toMatchObject({ code: 0n });
  });

  test("a client sends no URI", async () => {
    const { peer, session } = await againstServer();
    session.publish(ns("a"), new BroadcastProducer().consume());
    void session.drain({ newSessionUri: "moqt://ignored" });
    await settle();
    expect(peer.last("goaway").newSessionUri).toBe("");
  });

  test("fails requests that still wait for an id", async () => {
    const { session } = await againstServer({ peerMaxRequestId: 0 });
    const publication = session.publish(ns("a"), new BroadcastProducer().consume());
    void session.drain();
    await expect(publication.ready).rejects.toMatchObject({ code: "going-away" });
  });
});

describe("GOAWAY from the peer", () => {
  test("is told, stops new requests of ours, and lets everything else go on", async () => {
    const { peer, session } = await againstServer();
    const consumer = session.subscribe(ns("a"), "t");
    await settle();
    await peer.say(
      { type: "subscribeOk", requestId: 0, trackAlias: 1, expiresMs: 0, groupOrder: "ascending", parameters: {} },
      { type: "goaway", newSessionUri: "moqt://next.example" },
    );
    expect(await session.goingAway).toEqual({ newSessionUri: "moqt://next.example" });
    expect(session.state).toBe("draining");
    expect(consumer.state).toBe("live");
    expect(() => session.publish(ns("b"), new BroadcastProducer().consume())).toThrow(
      expect.objectContaining({ code: "going-away" }),
    );
    await expect(session.subscribe(ns("b"), "t").ready).rejects.toThrow(/GOAWAY/);
    await expect(session.announced(ns("c"), { added() {}, removed() {} }).ready).rejects.toMatchObject({
      code: "going-away",
    });
    // The peer may still ask us.
    await peer.say({ type: "publishNamespace", requestId: 1, namespace: fields("x"), parameters: {} });
    expect(peer.all("publishNamespaceOk")).toHaveLength(1);
  });

  test("twice, or with a URI from a client, is a violation", async () => {
    const twice = await againstServer();
    await twice.peer.say({ type: "goaway", newSessionUri: "" }, { type: "goaway", newSessionUri: "" });
    expect(twice.peer.closed).toMatchObject({ code: 3n });
    const uri = await againstClient();
    await uri.peer.say({ type: "goaway", newSessionUri: "moqt://x" });
    expect(uri.peer.closed).toMatchObject({ code: 3n });
  });
});
