/** The formats of `moqb pub`, read back through the model by the code of `moqb sub`. */
import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { BroadcastProducer, Cache } from "@moqingbird/model";
import { describe, expect, test } from "vitest";
import { catalogTrackName, initTrackName, readCatalog } from "../src/fmp4/catalog.ts";
import { BytesPublisher, groupBytes, objectBytes } from "../src/publish/bytes.ts";
import { Fmp4Publisher } from "../src/publish/fmp4.ts";
import { LinesPublisher } from "../src/publish/lines.ts";
import { readOnlyObject } from "../src/subscribe/object.ts";
import { type Loss, OrderedTrack } from "../src/subscribe/ordered.ts";
import { Output } from "../src/subscribe/output.ts";
import { randomSource } from "./random.ts";

const clip = new Uint8Array(readFileSync(new URL("../assets/clip.mp4", import.meta.url)));
const never = new AbortController().signal;

/** Collects what a track's subscriber would write. */
async function collector(broadcast: BroadcastProducer, name: string, patienceMs = 1) {
  const pieces: Uint8Array[] = [];
  const stdout = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      pieces.push(chunk);
      done();
    },
  });
  const losses: Loss[] = [];
  const output = await Output.open(undefined, stdout, false);
  const onLoss = (loss: Loss) => losses.push(loss);
  const ordered = new OrderedTrack({ track: name, output, onLoss, patienceMs, signal: never });
  const consumer = broadcast.consume().track(name);
  await consumer.ready;
  consumer.subscribe({ listener: ordered.listener, start: { group: 0, object: 0 } });
  return { ordered, losses, bytes: () => Buffer.concat(pieces) };
}

function broadcastOf(capacityBytes = 64 * 1024 * 1024): BroadcastProducer {
  return new BroadcastProducer({ cache: new Cache({ capacityBytes, retentionMs: Number.POSITIVE_INFINITY }) });
}

describe("bytes", () => {
  test("come out as they went in, in objects of 64 KiB and groups of 4 MiB", async () => {
    const random = randomSource();
    const input = random.bytes(2 * groupBytes + 3 * objectBytes + 17);
    const broadcast = broadcastOf();
    const track = broadcast.createTrack("data");
    const { ordered, losses, bytes } = await collector(broadcast, "data");
    const run = ordered.run();
    const publisher = new BytesPublisher(track);
    for (let at = 0; at < input.length; ) {
      const size = 1 + random.below(200_000);
      publisher.write(input.subarray(at, at + size));
      at += size;
    }
    publisher.end();
    expect(await run).toMatchObject({ code: "finished" });
    expect(Buffer.compare(bytes(), input), `seed ${random.seed}`).toBe(0);
    expect(losses).toEqual([]);
    expect(publisher.groups).toBe(3);
    expect(ordered).toMatchObject({ groups: 3, objects: 64 + 64 + 4, firstGroup: 0 });
  });

  test("of nothing are a track that ends, with nothing lost", async () => {
    const broadcast = broadcastOf();
    const track = broadcast.createTrack("data");
    const { ordered, losses, bytes } = await collector(broadcast, "data");
    new BytesPublisher(track).end();
    expect(await ordered.run()).toMatchObject({ code: "finished" });
    expect([bytes().length, losses, ordered.groups]).toEqual([0, [], 0]);
  });
});

describe("lines", () => {
  test("are objects, grouped by the second, and come out as they went in", async () => {
    let now = 0;
    const broadcast = broadcastOf();
    const track = broadcast.createTrack("data");
    const { ordered, bytes } = await collector(broadcast, "data");
    const run = ordered.run();
    const publisher = new LinesPublisher(track, () => now);
    const input = "a\nbb\n\nccc\nno newline at the end";
    for (const [index, letter] of [...input].entries()) {
      now = index * 100;
      publisher.write(new TextEncoder().encode(letter));
    }
    publisher.end();
    await run;
    expect(bytes().toString()).toBe(input);
    expect([ordered.objects, publisher.groups]).toEqual([5, 2]);
  });
});

describe("fmp4", () => {
  test("has moq-pub's layout: catalog, init, a group per key frame in every track, whole fragments as objects", async () => {
    const broadcast = broadcastOf();
    const publisher = new Fmp4Publisher(broadcast, { namespace: "/live/clip" });
    const reading = broadcast.consume();
    const catalog = readOnlyObject(reading, catalogTrackName, 1 << 20, never);
    for (let at = 0; at < clip.length; at += 5000) publisher.write(clip.subarray(at, at + 5000));
    expect(readCatalog((await catalog) as Uint8Array)).toEqual({ initTrack: "0.mp4", tracks: ["1.m4s", "2.m4s"] });
    const init = (await readOnlyObject(reading, initTrackName, 1 << 20, never)) as Uint8Array;
    expect(Buffer.from(clip.subarray(0, init.length)).equals(init)).toBe(true);

    const video = await collector(broadcast, "1.m4s");
    const audio = await collector(broadcast, "2.m4s");
    publisher.end();
    await Promise.all([video.ordered.run(), audio.ordered.run()]);
    expect([video.ordered.groups, video.ordered.objects]).toEqual([8, 240]);
    expect([audio.ordered.groups, audio.ordered.objects]).toEqual([8, 375]);
    expect(init.length + video.bytes().length + audio.bytes().length).toBe(mediaBytes(clip));
    expect(video.bytes().toString("latin1", 4, 8)).toBe("moof");
  });

  test("refuses what it cannot publish, saying where and what to do", () => {
    const publish = (bytes: Uint8Array) => {
      const publisher = new Fmp4Publisher(broadcastOf(), { namespace: "/x" });
      publisher.write(bytes);
      publisher.end();
    };
    expect(() => publish(new TextEncoder().encode("#!/bin/sh\necho not a film\n"))).toThrow(
      /not fragmented MP4: box .* ffmpeg -f mp4/,
    );
    expect(() => publish(clip.subarray(0, 20))).toThrow("the input ended before its moov box");
    expect(() => publish(clip.subarray(0, 1300))).toThrow("the input ended inside a fragment");
  });
});

/** Bytes of the file without the boxes that are not published. */
function mediaBytes(file: Uint8Array): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let sum = 0;
  for (let at = 0; at < file.length; at += view.getUint32(at)) {
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (["ftyp", "moov", "moof", "mdat"].includes(type)) sum += view.getUint32(at);
  }
  return sum;
}

describe("a subscriber that reads in order", () => {
  async function gapped(groups: readonly number[], ...order: number[]) {
    const broadcast = broadcastOf();
    const track = broadcast.createTrack("t");
    const result = await collector(broadcast, "t", 20);
    const run = result.ordered.run();
    for (const id of order.length > 0 ? order : groups) {
      const group = track.group(id);
      group.writeObject(Uint8Array.of(id));
      group.finish();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { ...result, track, run };
  }

  test("puts groups that overtook each other back in order", async () => {
    const { run, track, bytes, losses } = await gapped([], 0, 2, 1, 4, 3);
    track.finish();
    await run;
    expect([...bytes()]).toEqual([0, 1, 2, 3, 4]);
    expect(losses).toEqual([]);
  });

  test("names the groups that never came, once, and goes on", async () => {
    const { run, track, bytes, losses } = await gapped([5, 6, 9, 10]);
    track.finish();
    await run;
    expect([...bytes()]).toEqual([5, 6, 9, 10]);
    expect(losses).toEqual([{ track: "t", first: 7, last: 8, why: "never arrived" }]);
  });

  test("names a group that was reset in the middle", async () => {
    const { run, track, bytes, losses } = await gapped([0]);
    const stream = track.group(1).subgroup(0);
    stream.begin(0, 10);
    stream.write(Uint8Array.of(1, 2, 3));
    stream.reset(2);
    track.group(2).writeObject(Uint8Array.of(9));
    track.group(2).finish();
    track.finish();
    await run;
    expect([...bytes()]).toEqual([0, 1, 2, 3, 9]);
    expect(losses).toEqual([{ track: "t", first: 1, last: 1, why: "was reset by the peer with code 2" }]);
  });
});
