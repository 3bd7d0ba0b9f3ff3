/**
 * The demo's clip, looped for ever with times that go on. Frame `index` of group `group` is a pure function of the clip, so
 * that a subscriber can check every byte.
 */
import { parseFragment, shiftDecodeTime } from "../fmp4/fragment.ts";
import { type MovieTrack, parseMovie } from "../fmp4/movie.ts";
import { BoxSplitter } from "../fmp4/splitter.ts";

/** One fragment (moof and mdat) as the file has it. */
interface Frame {
  readonly track: ClipTrack;
  readonly group: number;
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly moofBytes: number;
  /** Decode time, in milliseconds from the clip's start. */
  readonly atMs: number;
}

/** One track of the clip. */
export class ClipTrack {
  readonly movie: MovieTrack;
  readonly groups: Frame[][] = [];

  constructor(movie: MovieTrack) {
    this.movie = movie;
  }

  /** How many frames a group of the endless stream has. */
  framesIn(group: number): number {
    return this.groups[group % this.groups.length]?.length ?? 0;
  }
}

/** One frame of the endless stream. */
export interface LoopFrame {
  readonly track: ClipTrack;
  readonly group: number;
  readonly index: number;
  /** Milliseconds from the stream's start at which it is due. */
  readonly dueMs: number;
}

export class Clip {
  /** ftyp and moov. */
  readonly init: Uint8Array;
  readonly tracks: readonly ClipTrack[];
  readonly durationMs: number;
  /** Frames of one pass, in the file's order. */
  readonly #frames: readonly Frame[];

  /** @param file fragmented MP4 whose tracks all have groups, starting at each key frame of the picture. */
  constructor(file: Uint8Array) {
    const init: Uint8Array[] = [];
    const frames: Frame[] = [];
    let tracks: ClipTrack[] = [];
    let movie: ReadonlyMap<number, MovieTrack> = new Map();
    let moof: Uint8Array | undefined;
    let durationMs = 0;
    for (const box of new BoxSplitter().push(file)) {
      if (box.type === "ftyp" || box.type === "moov") init.push(box.bytes);
      if (box.type === "moov") {
        tracks = parseMovie(box.bytes).map((track) => new ClipTrack(track));
        movie = new Map(tracks.map((track) => [track.movie.id, track.movie]));
      }
      if (box.type === "moof") moof = box.bytes;
      if (box.type !== "mdat" || moof === undefined) continue;
      const { track: source, startsWithSync, decodeTime, duration } = parseFragment(moof, movie);
      if (source.kind === "video" && startsWithSync) for (const track of tracks) track.groups.push([]);
      const track = tracks.find(({ movie }) => movie === source);
      const group = track?.groups.at(-1);
      if (track === undefined || group === undefined) continue;
      const frame: Frame = {
        track,
        group: track.groups.length - 1,
        index: group.length,
        bytes: concat([moof, box.bytes]),
        moofBytes: moof.length,
        atMs: (decodeTime * 1000) / source.timescale,
      };
      group.push(frame);
      frames.push(frame);
      durationMs = Math.max(durationMs, ((decodeTime + duration) * 1000) / source.timescale);
    }
    this.init = concat(init);
    this.tracks = tracks;
    this.durationMs = durationMs;
    this.#frames = frames;
  }

  /** The endless stream, frame by frame, in the order it is published. */
  *frames(): Generator<LoopFrame> {
    for (let pass = 0; ; pass++) {
      for (const { track, group, index, atMs } of this.#frames) {
        yield { track, group: pass * track.groups.length + group, index, dueMs: pass * this.durationMs + atMs };
      }
    }
  }

  /** The bytes of one frame: the file's own, with the decode time moved to this pass. */
  bytes(track: ClipTrack, group: number, index: number): Uint8Array {
    const frame = track.groups[group % track.groups.length]?.[index];
    if (frame === undefined) throw new RangeError(`group ${group} has no frame ${index}`);
    const copy = frame.bytes.slice();
    const pass = Math.floor(group / track.groups.length);
    shiftDecodeTime(
      copy.subarray(0, frame.moofBytes),
      Math.round((pass * this.durationMs * track.movie.timescale) / 1000),
    );
    return copy;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
