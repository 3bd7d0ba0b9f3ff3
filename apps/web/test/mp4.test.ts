/** What the page reads out of fragmented MP4 before it hands it to the browser. */
import { describe, expect, test } from "vitest";
import { initSegmentOf, startOf, trackOf } from "../page/mp4.ts";

type Part = Uint8Array | string;

/** A box of this type; numbers in the text are hexadecimal. */
function box(type: string, ...parts: readonly Part[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part.replaceAll(" ", ""), "hex") : part)),
  );
  const head = Buffer.alloc(8, type, "latin1");
  head.writeUInt32BE(8 + body.length);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
}

const u32 = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
const u64 = (value: number): string => value.toString(16).padStart(16, "0");

const trak = (id: number, timescale: number, ...more: readonly Part[]) =>
  box(
    "trak",
    box("tkhd", `00000003 ${u32(0)} ${u32(0)} ${u32(id)} ${u32(0)}`),
    ...more,
    box("mdia", box("mdhd", `00000000 ${u32(0)} ${u32(0)} ${u32(timescale)} ${u32(0)}`)),
  );
const longTrak = (id: number, timescale: number) =>
  box(
    "trak",
    box("tkhd", `01000003 ${u64(0)} ${u64(0)} ${u32(id)} ${u32(0)}`),
    box("mdia", box("mdhd", `01000000 ${u64(0)} ${u64(0)} ${u32(timescale)} ${u64(0)}`)),
  );
const trex = (id: number) => box("trex", `00000000 ${u32(id)} ${u32(1)}`);
const init = (traks: readonly Buffer[], ids: readonly number[]) =>
  Buffer.concat([box("ftyp", "69736f35"), box("moov", box("mvhd", "00"), ...traks, box("mvex", ...ids.map(trex)))]);
const fragment = (id: number, tfdt: string, ...more: readonly Part[]) =>
  Buffer.concat([
    box("moof", box("mfhd", "00"), box("traf", box("tfhd", `00020000 ${u32(id)}`), box("tfdt", tfdt), ...more)),
    box("mdat", "0102"),
  ]);

test("an init segment of several tracks is cut to one", () => {
  const both = init([trak(1, 30_000), trak(2, 48_000)], [1, 2]);
  expect(Buffer.from(initSegmentOf(both, 1))).toEqual(init([trak(1, 30_000)], [1]));
  expect(Buffer.from(initSegmentOf(both, 2))).toEqual(init([trak(2, 48_000)], [2]));
  expect(Buffer.from(initSegmentOf(init([trak(1, 30_000), longTrak(7, 48_000)], [1, 7]), 7))).toEqual(
    init([longTrak(7, 48_000)], [7]),
  );
});

describe("the start of a fragment", () => {
  const film = init([trak(1, 30_000), longTrak(2, 48_000)], [1, 2]);

  test("is its decode time in the units of its track", () => {
    expect(trackOf(fragment(2, `00000000 ${u32(0)}`))).toBe(2);
    expect(startOf(film, fragment(1, `00000000 ${u32(45_000)}`))).toBe(1.5);
    expect(startOf(film, fragment(2, `01000000 ${u64(2 ** 40)}`))).toBeCloseTo(2 ** 40 / 48_000, 6);
  });

  test("counts the first sample's composition offset, behind whatever stands before it", () => {
    const sizes = box("trun", `00000a01 ${u32(1)} ${u32(100)} ${u32(512)} ${u32(3000)}`); // data_offset, size, offset
    expect(startOf(film, fragment(1, `00000000 ${u32(0)}`, sizes))).toBe(0.1);
    const alone = box("trun", `01000800 ${u32(1)} ${u32(-3000)}`);
    expect(startOf(film, fragment(1, `00000000 ${u32(6000)}`, alone))).toBe(0.1);
  });

  test("leaves out what an edit list skips, but not an empty edit", () => {
    const edit = (mediaTime: number) =>
      box("edts", box("elst", `00000000 ${u32(1)} ${u32(0)} ${u32(mediaTime)} 00010000`));
    const skipping = init([trak(1, 30_000, edit(3000))], [1]);
    expect(startOf(skipping, fragment(1, `00000000 ${u32(6000)}`))).toBe(0.1);
    const waiting = init([trak(1, 30_000, edit(-1))], [1]);
    expect(startOf(waiting, fragment(1, `00000000 ${u32(6000)}`))).toBe(0.2);
  });

  test("is not known of a track that the init segment does not describe", () => {
    expect(startOf(film, fragment(3, `00000000 ${u32(0)}`))).toBeUndefined();
  });
});

test("bytes that are no MP4, or are cut short anywhere, are read to their end and no further", () => {
  const film = init([trak(1, 30_000), longTrak(2, 48_000)], [1, 2]);
  const piece = fragment(
    1,
    `00000000 ${u32(45_000)}`,
    box("trun", `00000a01 ${u32(1)} ${u32(100)} ${u32(512)} ${u32(0)}`),
  );
  for (let length = 0; length < film.length; length++) {
    startOf(film.subarray(0, length), piece);
    expect(initSegmentOf(film.subarray(0, length), 1).length).toBeLessThanOrEqual(length);
  }
  for (let length = 0; length < piece.length; length++) startOf(film, piece.subarray(0, length));
  expect(trackOf(Buffer.from("no film"))).toBeUndefined();
  expect(trackOf(Buffer.alloc(64))).toBeUndefined();
});
