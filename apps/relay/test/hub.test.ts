/** The relay's middle, over in-memory connections: who gets what, how often it is asked for upstream, how it ends. */
import { Writable } from "node:stream";
import { BroadcastProducer, type SubgroupReader, TrackNamespace, type TrackProducer } from "@moqingbird/model";
import { connect, RequestRefused, type Session } from "@moqingbird/session";
import { createTransportPair, settle } from "@moqingbird/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { directoryNamespace, directoryTrack } from "../src/directory.ts";
import { Hub } from "../src/hub.ts";
import { createLogger } from "../src/log.ts";

let hub: Hub;
let log: Record<string, unknown>[];
const namespace = TrackNamespace.parse("live/room");

beforeEach(() => {
  log = [];
  const destination = new Writable({
    write(line: Buffer, _encoding, done) {
      log.push(JSON.parse(line.toString()));
      done();
    },
  });
  hub = new Hub({ log: createLogger({ level: "debug", destination }) });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await hub.close("test over");
});

const events = (event: string) => log.filter((line) => line.event === event);

async function join(): Promise<Session> {
  const { client, server } = createTransportPair();
  hub.join(server);
  return connect(client);
}

/** A publisher with one track. */
async function publish(
  path = namespace,
): Promise<{ session: Session; broadcast: BroadcastProducer; track: TrackProducer }> {
  const session = await join();
  const broadcast = new BroadcastProducer();
  const track = broadcast.createTrack("data");
  await session.publish(path, broadcast.consume()).ready;
  return { session, broadcast, track };
}

/** Everything a subscriber is told of a track, as text. */
async function follow(session: Session, path = namespace, name: string = "data"): Promise<string[]> {
  const told: string[] = [];
  const track = session.consume(path).track(name);
  await track.ready;
  const read = (reader: SubgroupReader) => {
    while (reader.hasObject && reader.availableBytes === reader.objectSizeBytes) {
      const bytes = new Uint8Array(reader.objectSizeBytes);
      reader.read(bytes, 0, bytes.length);
      told.push(`${reader.group}.${reader.objectId} ${new TextDecoder().decode(bytes)}`);
      reader.next();
    }
    if (reader.done) reader.close();
  };
  track.subscribe({
    listener: {
      subgroup(reader) {
        reader.onProgress = () => read(reader);
        read(reader);
      },
      datagram: ({ group, object, payload }) => told.push(`${group}.${object} ${new TextDecoder().decode(payload)}`),
      ended: ({ code }) => told.push(code),
    },
  });
  return told;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const steady = async () => {
  for (let turn = 0; turn < 20; turn++) await settle();
};

test("two subscribers share one subscription upstream, and both get everything", async () => {
  const { track } = await publish();
  const first = await follow(await join());
  const second = await follow(await join());
  const group = track.appendGroup();
  group.writeObject(bytes("a"));
  group.writeObject(bytes("b"));
  group.finish();
  await steady();
  for (const told of [first, second]) expect(told).toEqual(["0.0 a", "0.1 b"]);
  expect(events("subscribe")).toHaveLength(2);
  expect(events("subscribe-ok")).toHaveLength(2);
  expect(events("upstream-subscribe")).toMatchObject([{ session: "1", namespace: "live/room", track: "data" }]);
});

test("datagrams are passed on as datagrams", async () => {
  const { track } = await publish();
  const told = await follow(await join());
  for (const [group, text] of ["a", "b"].entries()) track.datagram({ group, object: 0, payload: bytes(text) });
  await steady();
  expect(told).toEqual(["0.0 a", "1.0 b"]);
});

test("a late subscriber starts at object 0 of the newest group", async () => {
  const { track } = await publish();
  await follow(await join());
  for (const letter of ["a", "b"]) {
    const group = track.appendGroup();
    group.writeObject(bytes(letter));
    group.writeObject(bytes(letter.toUpperCase()));
    await steady();
  }
  const late = await follow(await join());
  await steady();
  expect(late).toEqual(["1.0 b", "1.1 B"]);
  expect(events("upstream-subscribe")).toHaveLength(1);
});

test("what the publisher says of the age of objects goes on to subscribers, and what is too old does not", async () => {
  const publisher = await join();
  const broadcast = new BroadcastProducer();
  const limits = { deliveryTimeoutMs: 30_000, maxCacheDurationMs: 40_000 };
  const group = broadcast.createTrack("data", limits).appendGroup().subgroup(0);
  await publisher.publish(namespace, broadcast.consume()).ready;
  const first = await join();
  const told = await follow(first);
  group.writeObject(bytes("old"));
  await steady();
  expect(told).toEqual(["0.0 old"]);
  const { now } = performance;
  vi.spyOn(performance, "now").mockImplementation(() => now.call(performance) + 50_000);
  group.writeObject(bytes("new"));
  const second = await join();
  const late = await follow(second);
  await steady();
  expect(late).toEqual(["0.1 new"]);
  const consumer = second.consume(namespace).track("data");
  await consumer.ready;
  expect(consumer).toMatchObject(limits);
});

test("an unknown namespace is refused with 0x4 at once; the publisher's own refusal comes through", async () => {
  const viewer = await join();
  await expect(viewer.subscribe(TrackNamespace.of("nobody"), "data").ready).rejects.toMatchObject({ wireCode: 4 });
  expect(events("subscribe-error")).toMatchObject([{ namespace: "nobody", track: "data", code: 4 }]);
  const { broadcast } = await publish();
  broadcast.onTrackRequest = (request) => request.reject(0x1, "Not for you.");
  await expect(viewer.subscribe(namespace, "secret").ready).rejects.toMatchObject({ wireCode: 1 });
  expect(events("subscribe-error")).toMatchObject([{}, { track: "secret", code: 1, reason: "Not for you." }]);
});

test("a track nobody watches any more is given back upstream", async () => {
  const { track } = await publish();
  const viewer = await join();
  const watched = viewer.subscribe(namespace, "data");
  await watched.ready;
  expect(track.used).toBe(true);
  watched.close();
  await steady();
  expect(track.used).toBe(false);
  expect(events("unsubscribe")).toHaveLength(1);
  expect(events("upstream-unsubscribe")).toMatchObject([{ namespace: "live/room", track: "data" }]);
});

test("a broadcast that ends, ends its tracks cleanly at every subscriber", async () => {
  const { broadcast, track } = await publish();
  const told = await follow(await join());
  const group = track.appendGroup();
  group.writeObject(bytes("last"));
  group.finish();
  broadcast.finish();
  await expect.poll(() => told, { timeout: 5000 }).toEqual(["0.0 last", "finished"]);
  expect(events("namespace-gone")).toMatchObject([{ namespace: "live/room" }]);
  expect(events("publish-done")).toMatchObject([{ namespace: "live/room", track: "data", code: 2 }]);
});

test("a publisher that leaves without a word ends its tracks, and the name is free again", async () => {
  const { session, track } = await publish();
  const viewer = await join();
  const told = await follow(viewer);
  track.appendGroup().writeObject(bytes("a"));
  await steady();
  await session.close();
  await expect.poll(() => told.length, { timeout: 3000 }).toBe(2);
  expect(hub.stats.broadcasts).toBe(0);
  const again = await publish();
  const next = await follow(viewer);
  again.track.appendGroup().writeObject(bytes("b"));
  await steady();
  expect(next).toEqual(["0.0 b"]);
});

test("a subscription that still waits is asked of the publisher who takes the namespace over", async () => {
  const stuck = await join();
  const silent = new BroadcastProducer();
  silent.onTrackRequest = () => {}; // never answers: its process is gone, its session not timed out yet
  await stuck.publish(namespace, silent.consume()).ready;
  const waiting = follow(await join());
  await steady();
  expect(events("upstream-subscribe")).toHaveLength(1);
  const { track } = await publish();
  track.appendGroup().writeObject(bytes("a"));
  const told = await waiting;
  await steady();
  expect(told).toEqual(["0.0 a"]);
  expect(events("subscribe-error")).toEqual([]);
});

test("announcements reach those who asked, and only what they asked for", async () => {
  const viewer = await join();
  const told: string[] = [];
  const asked = viewer.announced(TrackNamespace.of("live"), {
    added: (name) => told.push(`+ ${name}`),
    removed: (name) => told.push(`- ${name}`),
  });
  await asked.ready;
  const { broadcast } = await publish();
  await publish(TrackNamespace.of("other"));
  await steady();
  broadcast.finish();
  await steady();
  expect(told).toEqual(["+ live/room", "- live/room"]);
});

test("the list of broadcasts is a track, is never announced, and nobody else may publish it", async () => {
  await publish();
  const viewer = await join();
  const lists = await follow(viewer, directoryNamespace, directoryTrack);
  const { broadcast } = await publish(TrackNamespace.parse("live/second"));
  await expect.poll(() => lists.at(-1)).toBe("1.0 live/room\nlive/second");
  broadcast.finish();
  await expect.poll(() => lists.at(-1)).toBe("2.0 live/room");
  const announced: string[] = [];
  const asked = viewer.announced(directoryNamespace, { added: (name) => announced.push(`${name}`), removed() {} });
  await asked.ready;
  await steady();
  expect(announced).toEqual([]);
  const thief = viewer.publish(directoryNamespace, new BroadcastProducer().consume());
  await expect(thief.ready).rejects.toBeInstanceOf(RequestRefused);
});

test("closing tells every session why, and leaves nothing", async () => {
  const { session } = await publish();
  const viewer = await join();
  await hub.close("The relay is stopping.");
  expect(await session.closed).toMatchObject({ by: "peer-application", reason: "The relay is stopping.", clean: true });
  expect(await viewer.closed).toMatchObject({ reason: "The relay is stopping." });
  expect(hub.stats).toMatchObject({ sessions: 0, broadcasts: 0 });
  expect(events("session-closed")).toHaveLength(2);
});
