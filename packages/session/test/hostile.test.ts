import { BroadcastProducer } from "@moqingbird/model";
import { createTransportPair, settle, VirtualClock } from "@moqingbird/testing";
import { describe, expect, test } from "vitest";
import { accept } from "../src/index.ts";
import { againstClient, fields, ns, utf8 } from "./support/against.ts";
import { encode, RawPeer, subgroupBytes } from "./support/raw-peer.ts";
import { emptyStats } from "./support/sessions.ts";

/** A small generator (mulberry32): the seed is the whole state, so a failure runs again from it alone. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const firstSeed = Number(process.env.SEED ?? 1);
const runs = Number(process.env.RUNS ?? 300);

/** Session termination codes of the draft that bytes of a peer may lead to. */
const codes = [1n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 0x13n, 0x15n, 0x16n, 0x17n, 0x1an];

const messages = [
  encode({
    type: "subscribe",
    requestId: 0,
    namespace: fields("a"),
    trackName: utf8("t"),
    subscriberPriority: 1,
    groupOrder: "publisher",
    forward: true,
    filter: { type: "absoluteRange", start: { group: 1, object: 2 }, endGroup: 9 },
    parameters: { deliveryTimeoutMs: 100 },
  }),
  encode({
    type: "subscribeUpdate",
    requestId: 2,
    subscriptionRequestId: 0,
    start: { group: 1, object: 2 },
    endGroup: 9,
    subscriberPriority: 1,
    forward: true,
    parameters: {},
  }),
  encode({ type: "publishNamespace", requestId: 4, namespace: fields("x", "y"), parameters: {} }),
  encode({ type: "subscribeNamespace", requestId: 6, prefix: fields("a"), parameters: {} }),
  encode({ type: "unsubscribeNamespace", prefix: fields("a") }),
  encode({ type: "publishNamespaceDone", namespace: fields("x", "y") }),
  encode({ type: "publishNamespaceCancel", namespace: fields("a"), errorCode: 1, reason: "no" }),
  encode({ type: "subscribeOk", requestId: 3, trackAlias: 40, expiresMs: 0, groupOrder: "ascending", parameters: {} }),
  encode({ type: "publishDone", requestId: 3, status: 2, streamCount: 1, reason: "end" }),
  encode({ type: "maxRequestId", requestId: 5000 }),
  encode({ type: "requestsBlocked", maxRequestId: 10 }),
  encode({ type: "unsubscribe", requestId: 0 }),
];

const streams = [
  subgroupBytes({ trackAlias: 40, group: 3 }, [
    { id: 0, payload: "hello" },
    { id: 4, payload: "" },
    { id: 5, status: 3 },
  ]),
  subgroupBytes({ trackAlias: 40, group: 4, subgroup: 7, endOfGroup: true }, [{ id: 1, payload: "x".repeat(300) }]),
  subgroupBytes({ trackAlias: 41, group: 0 }, [{ id: 0, payload: "unclaimed" }]),
];

const datagram = Uint8Array.of(0x00, 40, 1, 0, 128, 1, 2, 3);

/** Some bytes turned into others: flipped, cut, repeated, joined with noise. */
function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  const result = Uint8Array.from(bytes);
  const times = 1 + Math.floor(next() * 3);
  for (let i = 0; i < times && result.length > 0; i++) {
    const at = Math.floor(next() * result.length);
    result[at] = next() < 0.5 ? Math.floor(next() * 256) : (result[at] ?? 0) ^ (1 << Math.floor(next() * 8));
  }
  const kind = next();
  if (kind < 0.15) return result.subarray(0, Math.floor(next() * result.length));
  if (kind < 0.25) return Uint8Array.from([...result, ...noise(next, 8)]);
  return result;
}

function noise(next: () => number, most: number): Uint8Array {
  return Uint8Array.from({ length: Math.floor(next() * most) }, () => Math.floor(next() * 256));
}

/** A session with something in every table. */
async function busy() {
  const setting = await againstClient({ transport: { maxPullBytes: 50 } });
  const broadcast = new BroadcastProducer({ onTrackRequest: (request) => void request.accept() });
  const track = broadcast.createTrack("t");
  setting.session.publish(ns("a"), broadcast.consume());
  setting.session.subscribe(ns("b"), "t");
  await settle();
  track.appendGroup().writeObject(utf8("payload"));
  return setting;
}

/** Lets a hostile peer act, then checks that the session either lives or ended as the draft says, and forgot everything. */
async function survives(
  seed: number,
  act: (peer: RawPeer, next: () => number) => Promise<void>,
): Promise<"lives" | "closed"> {
  const { clock, peer, session } = await busy();
  await act(peer, random(seed));
  await clock.advance(20_000);
  const closed = peer.closed;
  if (closed) expect(codes, `seed ${seed}: code ${closed.code}, ${closed.reason}`).toContain(closed.code);
  if (closed) expect(closed.reason.length, `seed ${seed}`).toBeGreaterThan(10);
  await session.close();
  await settle();
  expect(session.stats, `seed ${seed}`).toEqual(emptyStats);
  expect(clock.pending, `seed ${seed}`).toBe(0);
  return closed ? "closed" : "lives";
}

/** Runs many seeds; both outcomes are to be seen, or the test tests nothing. */
async function manySeeds(act: (peer: RawPeer, next: () => number) => Promise<void>): Promise<void> {
  const outcomes = { lives: 0, closed: 0 };
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) outcomes[await survives(seed, act)]++;
  if (runs < 100) return;
  expect(outcomes.closed).toBeGreaterThan(0);
  expect(outcomes.lives).toBeGreaterThan(0);
}

describe(`hostile bytes (SEED=${firstSeed} RUNS=${runs})`, () => {
  test("random bytes on the control stream", () =>
    manySeeds(async (peer, next) => {
      for (let i = 0; i < 4; i++) peer.control.write(noise(next, 6));
      await settle();
    }));

  test("mutated messages on the control stream", () =>
    manySeeds(async (peer, next) => {
      for (const message of messages) peer.control.write(next() < 0.2 ? mutate(message, next) : message);
      await settle();
    }));

  test("messages in any order", () =>
    manySeeds(async (peer, next) => {
      const count = 1 + Math.floor(next() * 4);
      for (let i = 0; i < count; i++) {
        peer.control.write(messages[Math.floor(next() * messages.length)] as Uint8Array);
      }
      await settle();
    }));

  test("random and mutated data streams, finished, reset and left open", () =>
    manySeeds(async (peer, next) => {
      peer.control.write(messages[7] as Uint8Array);
      await settle();
      for (let i = 0; i < 6; i++) {
        const bytes = next() < 0.3 ? noise(next, 40) : mutate(streams[Math.floor(next() * 3)] as Uint8Array, next);
        const source = peer.stream(bytes, next() < 0.5);
        await settle();
        if (next() < 0.3) source.stream?.reset(Math.floor(next() * 100));
        if (next() < 0.1) peer.control.write(messages[8] as Uint8Array);
      }
      await settle();
    }));

  test("random and mutated datagrams", () =>
    manySeeds(async (peer, next) => {
      if (next() < 0.5) peer.control.write(messages[7] as Uint8Array);
      await settle();
      peer.end.sendDatagram(next() < 0.3 ? noise(next, 30) : mutate(datagram, next));
      await settle();
    }));

  test("anything instead of SETUP", async () => {
    const setup = encode({ type: "clientSetup", versions: [0xff00000e], parameters: { path: "/a", maxRequestId: 9 } });
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const next = random(seed);
      const clock = new VirtualClock();
      const pair = createTransportPair();
      const peer = new RawPeer(pair.client);
      const accepted = accept(pair.server, { timers: clock }).then(
        (session) => session.close(),
        (error: Error) => expect(error.message.length, `seed ${seed}`).toBeGreaterThan(10),
      );
      peer.open();
      peer.control.write(next() < 0.3 ? noise(next, 30) : mutate(setup, next));
      await clock.advance(10_000);
      await accepted;
      expect([...codes, 0n, 0x11n], `seed ${seed}`).toContain(peer.closed?.code);
      expect(clock.pending, `seed ${seed}`).toBe(0);
    }
  });
});
