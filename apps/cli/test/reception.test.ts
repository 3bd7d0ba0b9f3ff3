/** `moqb sub`'s reception through a real relay hub, over in-memory connections: finding out what a broadcast is, and waiting. */
import { readFileSync } from "node:fs";
import { PassThrough, Writable } from "node:stream";
import { BroadcastProducer, Cache, TrackNamespace } from "@moqingbird/model";
import { createLogger, Hub } from "@moqingbird/relay";
import { connect, type Session } from "@moqingbird/session";
import { createTransportPair } from "@moqingbird/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BytesPublisher } from "../src/publish/bytes.ts";
import { Fmp4Publisher } from "../src/publish/fmp4.ts";
import { Reception } from "../src/subscribe/reception.ts";

const clip = new Uint8Array(readFileSync(new URL("../assets/clip.mp4", import.meta.url)));
const namespace = TrackNamespace.parse("live/x");
let hub: Hub;

beforeEach(() => {
  hub = new Hub({ log: createLogger({ level: "silent" }) });
});
afterEach(() => hub.close("test over"));

async function join(): Promise<{ session: Session; cache: Cache }> {
  const { client, server } = createTransportPair();
  hub.join(server);
  const cache = new Cache({ retentionMs: Number.POSITIVE_INFINITY });
  return { session: await connect(client, { cache }), cache };
}

async function receive(options: { track?: string; signal?: AbortSignal } = {}) {
  const { session, cache } = await join();
  const pieces: Buffer[] = [];
  const stdout = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      pieces.push(Buffer.from(chunk));
      done();
    },
  });
  const stderr = new PassThrough();
  const surroundings = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
    signal: options.signal ?? new AbortController().signal,
  };
  const target = { web: undefined, host: "", port: 0, path: "", label: "moqt://test" };
  const client = { target, session, cache, during: <T>(work: Promise<T>) => work, path: "", close: async () => {} };
  const reception = new Reception({ broadcast: "live/x", namespace, track: options.track, client, surroundings });
  return {
    reception,
    done: reception.run(),
    bytes: () => Buffer.concat(pieces),
    said: () => String(stderr.read() ?? ""),
  };
}

async function publisher(): Promise<BroadcastProducer> {
  const { session, cache } = await join();
  const broadcast = new BroadcastProducer({ cache });
  await session.publish(namespace, broadcast.consume()).ready;
  return broadcast;
}

test("a broadcast with a catalog is received as fragmented MP4, one without as bytes", async () => {
  const film = await publisher();
  const fmp4 = new Fmp4Publisher(film, { namespace: "/live/x" });
  fmp4.write(clip.subarray(0, 8000)); // init and the first fragments
  const { done, bytes, reception } = await receive();
  await expect.poll(() => bytes().length).toBeGreaterThan(4000);
  fmp4.write(clip.subarray(8000));
  fmp4.end();
  film.finish();
  expect(await done).toMatchObject({ code: "finished" });
  expect([reception.groups, reception.lostGroups]).toEqual([16, 0]);
  expect(bytes().subarray(4, 8).toString()).toBe("ftyp");

  const file = await publisher();
  const track = new BytesPublisher(file.createTrack("data"));
  const second = await receive();
  await expect.poll(() => file.used).toBe(true);
  track.write(clip);
  track.end();
  file.finish();
  expect(await second.done).toMatchObject({ code: "finished" });
  expect(Buffer.compare(second.bytes(), clip)).toBe(0);
});

test("a broadcast that is not there yet is received as soon as it is announced", async () => {
  const { done, bytes } = await receive();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const since = performance.now();
  const broadcast = await publisher();
  const track = new BytesPublisher(broadcast.createTrack("data"));
  await expect.poll(() => broadcast.used).toBe(true);
  expect(performance.now() - since).toBeLessThan(700); // the next try by time alone is a second away
  track.write(Uint8Array.of(1, 2, 3));
  track.end();
  broadcast.finish();
  await done;
  expect([...bytes()]).toEqual([1, 2, 3]);
});

test("a publisher that vanishes inside a group is told as a loss", async () => {
  const { session, cache } = await join();
  const broadcast = new BroadcastProducer({ cache });
  const track = broadcast.createTrack("data");
  await session.publish(namespace, broadcast.consume()).ready;
  const { done, bytes, reception, said } = await receive();
  await expect.poll(() => track.used).toBe(true);
  track.appendGroup().writeObject(Uint8Array.of(7));
  await expect.poll(() => bytes().length).toBe(1);
  await session.close();
  await done;
  expect(reception.lostGroups).toBe(1);
  expect(said()).toMatch(/^moqb: lost group 0 of track data: /);
});

test("the signal ends it, whether it waits or receives", async () => {
  const waiting = new AbortController();
  const first = await receive({ signal: waiting.signal });
  setTimeout(() => waiting.abort(), 20);
  expect(await first.done).toBeUndefined();

  const broadcast = await publisher();
  broadcast.createTrack("data").appendGroup().writeObject(Uint8Array.of(7));
  const receiving = new AbortController();
  const second = await receive({ signal: receiving.signal });
  await expect.poll(() => second.bytes().length).toBe(1);
  receiving.abort();
  expect(await second.done).toBeUndefined();
});
