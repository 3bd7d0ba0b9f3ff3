/**
 * The `moof` box: which track it belongs to, when it starts, and whether it can start a group.
 * ISO/IEC 14496-12 sections 8.8.4-8.8.12 and 8.8.3.1 (sample flags).
 */
import { type Box, boxes, FieldReader, findBox, Mp4Error } from "./box.ts";
import type { MovieTrack } from "./movie.ts";

export interface Fragment {
  readonly track: MovieTrack;
  /** Decode time of the first sample in timescale units; 0 when the fragment has no `tfdt`. */
  readonly decodeTime: number;
  /** Sum of the sample durations, in timescale units. */
  readonly duration: number;
  readonly samples: number;
  /** The first sample can be decoded without any other. */
  readonly startsWithSync: boolean;
}

/** Most samples one fragment may declare: an hour of 240 frames per second. */
const mostSamples = 864_000;

/** Reads a whole `moof` box. More than one track in it is refused: its `mdat` could not be cut apart. */
export function parseFragment(moof: Uint8Array, tracks: ReadonlyMap<number, MovieTrack>): Fragment {
  const top = findBox(moof, 0, moof.length, "moof");
  if (top === undefined) throw new Mp4Error("moof box expected", 0);
  const trafs: Box[] = [];
  for (const box of boxes(moof, top.body, top.end)) if (box.type === "traf") trafs.push(box);
  const [traf, second] = trafs;
  if (traf === undefined) throw new Mp4Error("fragment without a track", 0);
  if (second !== undefined) {
    throw new Mp4Error("fragment with several tracks; give ffmpeg -movflags +separate_moof", second.start);
  }
  const header = readHeader(moof, traf, tracks);
  let samples = 0;
  let duration = 0;
  let startsWithSync = false;
  for (const box of boxes(moof, traf.body, traf.end)) {
    if (box.type !== "trun") continue;
    const run = readRun(moof, box, header);
    if (samples === 0 && run.samples > 0) startsWithSync = isSync(run.firstFlags);
    samples += run.samples;
    duration += run.duration;
  }
  return { track: header.track, decodeTime: readDecodeTime(moof, traf), duration, samples, startsWithSync };
}

/** Adds `ticks` to the fragment's decode time, in place. A clip that loops needs times that go on. */
export function shiftDecodeTime(moof: Uint8Array, ticks: number): void {
  const tfdt = findBox(moof, 0, moof.length, "moof", "traf", "tfdt");
  if (tfdt === undefined) throw new Mp4Error("fragment without tfdt", 0);
  const view = new DataView(moof.buffer, moof.byteOffset, moof.byteLength);
  const at = tfdt.body + 4;
  if (moof[tfdt.body] === 1) view.setBigUint64(at, view.getBigUint64(at) + BigInt(ticks));
  else view.setUint32(at, view.getUint32(at) + ticks);
}

interface TrackFragmentHeader {
  readonly track: MovieTrack;
  readonly duration: number;
  readonly flags: number;
}

function readHeader(moof: Uint8Array, traf: Box, tracks: ReadonlyMap<number, MovieTrack>): TrackFragmentHeader {
  const tfhd = findBox(moof, traf.body, traf.end, "tfhd");
  if (tfhd === undefined) throw new Mp4Error("fragment without tfhd", traf.start);
  const fields = new FieldReader(moof, tfhd.body, tfhd.end);
  const { flags } = fields.full();
  const id = fields.u32();
  const track = tracks.get(id);
  if (track === undefined) throw new Mp4Error(`fragment of track ${id}, which moov does not declare`, tfhd.start);
  if (flags & 0x1) fields.skip(8); // base_data_offset
  if (flags & 0x2) fields.skip(4); // sample_description_index
  const duration = flags & 0x8 ? fields.u32() : track.defaultSampleDuration;
  if (flags & 0x10) fields.skip(4); // default_sample_size
  return { track, duration, flags: flags & 0x20 ? fields.u32() : track.defaultSampleFlags };
}

function readRun(
  moof: Uint8Array,
  trun: Box,
  header: TrackFragmentHeader,
): { samples: number; duration: number; firstFlags: number } {
  const fields = new FieldReader(moof, trun.body, trun.end);
  const { flags } = fields.full();
  const samples = fields.u32();
  if (samples > mostSamples) throw new Mp4Error(`fragment with ${samples} samples`, trun.start);
  if (flags & 0x1) fields.skip(4); // data_offset
  let firstFlags = flags & 0x4 ? fields.u32() : header.flags;
  let duration = 0;
  for (let index = 0; index < samples; index++) {
    duration += flags & 0x100 ? fields.u32() : header.duration;
    if (flags & 0x200) fields.skip(4); // sample_size
    if (flags & 0x400) {
      const own = fields.u32();
      if (index === 0 && !(flags & 0x4)) firstFlags = own;
    }
    if (flags & 0x800) fields.skip(4); // composition offset
  }
  return { samples, duration, firstFlags };
}

function readDecodeTime(moof: Uint8Array, traf: Box): number {
  const tfdt = findBox(moof, traf.body, traf.end, "tfdt");
  if (tfdt === undefined) return 0;
  const fields = new FieldReader(moof, tfdt.body, tfdt.end);
  return fields.full().version === 1 ? fields.u64() : fields.u32();
}

/** sample_is_non_sync_sample is clear, and sample_depends_on does not say "depends on others". */
function isSync(flags: number): boolean {
  return (flags & 0x10000) === 0 && ((flags >>> 24) & 3) !== 1;
}
