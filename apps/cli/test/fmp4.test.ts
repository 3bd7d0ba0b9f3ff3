/** The fMP4 parser against the demo's clip, against hand-made boxes, and against rubbish. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Mp4Error } from "../src/fmp4/box.ts";
import { readCatalog, writeCatalog } from "../src/fmp4/catalog.ts";
import { parseFragment, shiftDecodeTime } from "../src/fmp4/fragment.ts";
import { type MovieTrack, parseMovie } from "../src/fmp4/movie.ts";
import { BoxSplitter, type TopBox } from "../src/fmp4/splitter.ts";
import { randomSource } from "./random.ts";

const clip = new Uint8Array(readFileSync(new URL("../assets/clip.mp4", import.meta.url)));

function split(bytes: Uint8Array, chunkBytes: number): TopBox[] {
  const splitter = new BoxSplitter();
  const boxes: TopBox[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    boxes.push(...splitter.push(bytes.subarray(at, at + chunkBytes)));
  expect(splitter.idle).toBe(true);
  return boxes;
}

function boxOf(type: string, ...parts: (readonly number[])[]): Uint8Array {
  const body = parts.flat();
  const bytes = new Uint8Array(8 + body.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(body, 8);
  return bytes;
}

const bytesOf = (...boxes: Uint8Array[]): number[] => boxes.flatMap((box) => [...box]);
const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

const video: MovieTrack = {
  id: 7,
  kind: "video",
  timescale: 1000,
  codec: "avc1",
  defaultSampleFlags: 0x01010000,
  defaultSampleDuration: 40,
};
const tracks = new Map([[7, video]]);

describe("the splitter", () => {
  test("finds the same boxes however the stream is cut", () => {
    const whole = split(clip, clip.length);
    for (const chunkBytes of [1, 7, 4096]) expect(split(clip, chunkBytes)).toEqual(whole);
    expect(whole.slice(0, 4).map(({ type }) => type)).toEqual(["ftyp", "moov", "moof", "mdat"]);
    expect(whole.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(clip.length);
  });

  test("reads the 64-bit size", () => {
    const bytes = Uint8Array.from([...u32(1), 0x6d, 0x64, 0x61, 0x74, ...u32(0), ...u32(18), 0xaa, 0xbb]);
    expect(split(bytes, 5)).toEqual([{ type: "mdat", bytes, offset: 0 }]);
  });

  test("hands over a box without content", () => {
    expect(split(boxOf("free"), 3).map(({ type }) => type)).toEqual(["free"]);
  });

  test("refuses a box above its limit when the header arrives, and takes one at the limit", () => {
    const limits = { headerBytes: 16 };
    expect(new BoxSplitter(limits).push(boxOf("moov", [1, 2, 3, 4, 5, 6, 7, 8]))).toHaveLength(1);
    expect(() => new BoxSplitter(limits).push(boxOf("moov", [1, 2, 3, 4, 5, 6, 7, 8, 9]).subarray(0, 8))).toThrow(
      'box "moov" has 17 bytes, more than the limit of 16 (at byte 0)',
    );
  });

  test("names what is not MP4 by its offset", () => {
    expect(() => new BoxSplitter().push(new TextEncoder().encode("hello, this is text"))).toThrow(Mp4Error);
    const splitter = new BoxSplitter();
    splitter.push(boxOf("free", [1, 2]));
    expect(() => splitter.push(Uint8Array.from([0, 0, 0, 3, 1, 2, 3, 4]))).toThrow("(at byte 10)");
  });
});

describe("the movie", () => {
  test("tells the clip's tracks", () => {
    const moov = split(clip, clip.length).find(({ type }) => type === "moov") as TopBox;
    expect(parseMovie(moov.bytes)).toEqual([
      {
        id: 1,
        kind: "video",
        timescale: 15360,
        codec: "avc1.4D4016",
        width: 384,
        height: 216,
        defaultSampleFlags: 0,
        defaultSampleDuration: 0,
      },
      expect.objectContaining({ id: 2, kind: "audio", timescale: 48000, codec: "mp4a.40.2", sampleRate: 48000 }),
    ]);
  });
});

describe("a fragment", () => {
  const fragment = (traf: Uint8Array[], ...more: Uint8Array[]) =>
    boxOf("moof", bytesOf(boxOf("mfhd", u32(0), u32(1)), boxOf("traf", bytesOf(...traf)), ...more));
  const tfhd = (flags: number, ...fields: number[]) => boxOf("tfhd", u32(flags), u32(7), fields.flatMap(u32));
  const trun = (flags: number, samples: number, ...fields: number[]) =>
    boxOf("trun", u32(flags), u32(samples), fields.flatMap(u32));

  test.each([
    ["trex defaults say it depends on others", [tfhd(0), trun(0, 2)], false, 80],
    ["tfhd overrides trex", [tfhd(0x28, 50, 0x02000000), trun(0, 2)], true, 100],
    ["the first sample's flags override tfhd", [tfhd(0x20, 0x01010000), trun(0x4, 2, 0x02000000)], true, 80],
    ["flags per sample", [tfhd(0), trun(0x500, 2, 30, 0x02000000, 31, 0x01010000)], true, 61],
    ["flags per sample, the key frame not first", [tfhd(0), trun(0x400, 2, 0x01010000, 0x02000000)], false, 80],
    ["first-sample flags win over flags per sample", [tfhd(0), trun(0x404, 1, 0x02000000, 0x01010000)], true, 40],
  ])("starts with a sync sample or not: %s", (_, traf, startsWithSync, duration) => {
    expect(parseFragment(fragment(traf), tracks)).toMatchObject({ startsWithSync, duration, decodeTime: 0 });
  });

  test("has a decode time of 32 or 64 bits, which can be shifted", () => {
    for (const tfdt of [boxOf("tfdt", u32(0), u32(9)), boxOf("tfdt", u32(0x01000000), u32(0), u32(9))]) {
      const moof = fragment([tfhd(0), tfdt, trun(0, 1)]);
      shiftDecodeTime(moof, 100);
      expect(parseFragment(moof, tracks).decodeTime).toBe(109);
    }
  });

  test("of several tracks is refused with the remedy", () => {
    const second = boxOf("traf", bytesOf(tfhd(0)));
    expect(() => parseFragment(fragment([tfhd(0)], second), tracks)).toThrow("-movflags +separate_moof");
  });

  test("that is cut short, lies about its samples or names an unknown track is an error", () => {
    expect(() => parseFragment(fragment([tfhd(0), trun(0x400, 3, 1)]), tracks)).toThrow("box ends inside a field");
    expect(() => parseFragment(fragment([tfhd(0), trun(0, 0xffffffff)]), tracks)).toThrow("4294967295 samples");
    expect(() => parseFragment(fragment([tfhd(0)]), new Map())).toThrow("which moov does not declare");
  });
});

describe("the catalog", () => {
  test("round-trips, and shows what moq-sub looks for", () => {
    const moov = split(clip, clip.length).find(({ type }) => type === "moov") as TopBox;
    const text = writeCatalog("/demo", parseMovie(moov.bytes));
    expect(JSON.parse(text)).toMatchObject({
      version: 1,
      streamingFormat: 1,
      streamingFormatVersion: "0.2",
      supportsDeltaUpdates: true,
      commonTrackFields: { namespace: "/demo", packaging: "cmaf", renderGroup: 1 },
      tracks: [
        { name: "1.m4s", initTrack: "0.mp4", selectionParams: { codec: "avc1.4D4016", width: 384, height: 216 } },
        { name: "2.m4s", initTrack: "0.mp4", selectionParams: { codec: "mp4a.40.2", samplerate: 48000 } },
      ],
    });
    expect(readCatalog(new TextEncoder().encode(text))).toEqual({ initTrack: "0.mp4", tracks: ["1.m4s", "2.m4s"] });
  });

  test("takes one of several alternatives, and nothing that is no catalog", () => {
    const text = '{"version":1,"tracks":[{"name":"hd","altGroup":1},{"name":"sd","altGroup":1},{"name":"a"}]}';
    expect(readCatalog(new TextEncoder().encode(text))?.tracks).toEqual(["hd", "a"]);
    for (const other of ["", "{}", '{"version":2,"tracks":[{"name":"a"}]}', "\u0000"]) {
      expect(readCatalog(new TextEncoder().encode(other))).toBeUndefined();
    }
  });
});

test("mutated and random input ends in boxes or an Mp4Error, never otherwise", () => {
  const random = randomSource();
  const head = clip.subarray(0, 3000);
  for (let round = 0; round < 3000; round++) {
    const bytes = random.below(4) === 0 ? random.bytes(random.below(300)) : mutate(head, random);
    try {
      const splitter = new BoxSplitter({ mediaBytes: 1 << 20, headerBytes: 1 << 20 });
      let known: ReadonlyMap<number, MovieTrack> = tracks;
      for (const box of splitter.push(bytes)) {
        if (box.type === "moov") known = new Map(parseMovie(box.bytes).map((track) => [track.id, track]));
        if (box.type === "moof") parseFragment(box.bytes, known);
      }
    } catch (error) {
      if (!(error instanceof Mp4Error)) throw new Error(`seed ${random.seed}, round ${round}`, { cause: error });
    }
  }
});

function mutate(bytes: Uint8Array, random: ReturnType<typeof randomSource>): Uint8Array {
  const copy = bytes.slice();
  for (let count = 1 + random.below(6); count > 0; count--) copy[random.below(copy.length)] = random.below(256);
  return copy;
}
