/** What Media Source needs to know of fragmented MP4 (ISO/IEC 14496-12) before it takes it. Malformed boxes end a search. */

interface Box {
  readonly type: string;
  /** Where it begins, where its content does, and where it ends. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** The init segment of one track, cut out of one that describes several: without the others' `trak` and `trex`. */
export function initSegmentOf(init: Uint8Array, track: number): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const box of boxes(init, 0, init.length)) {
    if (box.type !== "moov") parts.push(init.subarray(box.start, box.end));
    else parts.push(keep(init, box, (child) => child.type !== "trak" || trackOfTrak(init, child) === track, track));
  }
  return joined(parts);
}

/** track_ID of a fragment: of its first `moof`, which has one `traf`. Undefined where there is none. */
export function trackOf(fragment: Uint8Array): number | undefined {
  const tfhd = find(fragment, "moof", "traf", "tfhd");
  return tfhd && u32(fragment, tfhd.body + 4, tfhd.end);
}

/** When a fragment's first sample is shown, in seconds of the film's own clock. Undefined where that is not told. */
export function startOf(init: Uint8Array, fragment: Uint8Array): number | undefined {
  const trak = trakOf(init, trackOf(fragment));
  const mdhd = trak && find(init, trak, "mdia", "mdhd");
  const timescale = mdhd && u32(init, mdhd.body + (init[mdhd.body] === 1 ? 20 : 12), mdhd.end);
  const tfdt = find(fragment, "moof", "traf", "tfdt");
  if (!timescale || tfdt === undefined) return undefined;
  const time =
    fragment[tfdt.body] === 1 ? u64(fragment, tfdt.body + 4, tfdt.end) : u32(fragment, tfdt.body + 4, tfdt.end);
  if (time === undefined) return undefined;
  return (time + compositionOffset(fragment) - mediaTime(init, trak)) / timescale;
}

/** How long after its decode time the first sample is shown. Section 8.8.8. */
function compositionOffset(fragment: Uint8Array): number {
  const trun = find(fragment, "moof", "traf", "trun");
  if (trun === undefined) return 0;
  const flags = u32(fragment, trun.body, trun.end) ?? 0;
  if ((flags & 0x800) === 0) return 0;
  // sample_count; then, if they are there, data_offset, first_sample_flags and a sample's duration, size and flags
  const before = [0x1, 0x4, 0x100, 0x200, 0x400].filter((flag) => flags & flag).length;
  return (u32(fragment, trun.body + 8 + 4 * before, trun.end) ?? 0) | 0;
}

/** What a track's edit list skips of it, as ffmpeg writes it for pictures that are not shown in their order. Section 8.6.6. */
function mediaTime(init: Uint8Array, trak: Box): number {
  const elst = find(init, trak, "edts", "elst");
  if (elst === undefined) return 0;
  const time = init[elst.body] === 1 ? u64(init, elst.body + 16, elst.end) : u32(init, elst.body + 12, elst.end);
  return time === undefined || time >= 2 ** 31 ? 0 : time; // -1: an empty edit
}

/** A box with those of its children that shall stay, its size set anew. `mvex` is gone through in the same way. */
function keep(bytes: Uint8Array, box: Box, stays: (child: Box) => boolean, track: number): Uint8Array {
  const parts: Uint8Array[] = [bytes.slice(box.start, box.body)];
  for (const each of boxes(bytes, box.body, box.end)) {
    if (!stays(each)) continue;
    const ofTrack = (trex: Box) => trex.type !== "trex" || u32(bytes, trex.body + 4, trex.end) === track;
    parts.push(each.type === "mvex" ? keep(bytes, each, ofTrack, track) : bytes.subarray(each.start, each.end));
  }
  const whole = joined(parts);
  new DataView(whole.buffer).setUint32(0, whole.length);
  return whole;
}

function trakOf(init: Uint8Array, track: number | undefined): Box | undefined {
  const moov = find(init, "moov");
  if (moov === undefined) return undefined;
  for (const box of boxes(init, moov.body, moov.end)) {
    if (box.type === "trak" && trackOfTrak(init, box) === track) return box;
  }
  return undefined;
}

/** tkhd of version 1 has 64-bit times before its track_ID. */
function trackOfTrak(init: Uint8Array, trak: Box): number | undefined {
  const tkhd = find(init, trak, "tkhd");
  return tkhd && u32(init, tkhd.body + (init[tkhd.body] === 1 ? 20 : 12), tkhd.end);
}

/** The first box on a path of types, from the top or from a box. */
function find(bytes: Uint8Array, ...path: readonly [string | Box, ...string[]]): Box | undefined {
  let found: Box | undefined = { type: "", start: 0, body: 0, end: bytes.length };
  for (const step of path) {
    if (typeof step !== "string") found = step;
    else if (found !== undefined) found = [...boxes(bytes, found.body, found.end)].find(({ type }) => type === step);
  }
  return found;
}

/** Ends where a size makes no sense; 64-bit sizes, which nothing here needs, are passed over to the end. */
function* boxes(bytes: Uint8Array, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end; ) {
    const size = u32(bytes, at, end) as number;
    if (size < 8 || at + size > end) return;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    yield { type, start: at, body: at + 8, end: at + size };
    at += size;
  }
}

function u32(bytes: Uint8Array, at: number, end: number): number | undefined {
  if (at + 4 > end) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

function u64(bytes: Uint8Array, at: number, end: number): number | undefined {
  if (at + 8 > end) return undefined;
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at));
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
