/**
 * The demo's clip, cut into what is published: per track, groups of frames; looped for ever with times that go on.
 * Frame `index` of group `group` is a pure function of the clip, so that a subscriber can check every byte.
 */
import { parseFragment, shiftDecodeTime } from "../fmp4/fragment.ts";
import { type MovieTrack, parseMovie } from "../fmp4/movie.ts";
import { BoxSplitter } from "../fmp4/splitter.ts";

/** One fragment (moof and mdat) with its place on the clip's clock. */
interface Frame {
  readonly bytes: Uint8Array;
  /** Length of the moof within `bytes`. */
  readonly moofBytes: number;
  /** Decode time in milliseconds from the clip's start. */
  readonly atMs: number;
}

export interface ClipTrack {
  readonly movie: MovieTrack;
  /** Groups of one pass through the clip. */
  readonly groups: readonly (readonly Frame[])[];
}

/** One frame of the endless stream. */
export interface LoopFrame {
  readonly track: ClipTrack;
  readonly group: number;
  readonly index: number;
  /** Milliseconds from the stream's start at which it is due. */
  readonly dueMs: number;
  /** The last frame of its group. */
  readonly last: boolean;
}

export class Clip {
  /** ftyp and moov. */
  readonly init: Uint8Array;
  readonly tracks: readonly ClipTrack[];
  readonly durationMs: number;
  /** Frames of one pass, in the order they are due. */
  readonly #order: readonly { track: ClipTrack; group: number; index: number; atMs: number; last: boolean }[];

  constructor(file: Uint8Array) {
    const { init, movie, frames } = cut(file);
    this.init = init;
    this.durationMs = frames.durationMs;
    this.tracks = movie.map((track) => ({ movie: track, groups: frames.groups.get(track.id) ?? [] }));
    this.#order = this.tracks
      .flatMap((track) =>
        track.groups.flatMap((group, groupIndex) =>
          group.map(({ atMs }, index) => ({ track, group: groupIndex, index, atMs, last: index === group.length - 1 })),
        ),
      )
      .sort((a, b) => a.atMs - b.atMs);
  }

  /** The endless stream, frame by frame. */
  *frames(): Generator<LoopFrame> {
    for (let pass = 0; ; pass++) {
      for (const { track, group, index, atMs, last } of this.#order) {
        const dueMs = pass * this.durationMs + atMs;
        yield { track, group: pass * track.groups.length + group, index, dueMs, last };
      }
    }
  }

  /** How many frames a group has. */
  framesIn(track: ClipTrack, group: number): number {
    return track.groups[group % track.groups.length]?.length ?? 0;
  }

  /** The bytes of one frame: the clip's own, with its decode time moved to this pass. */
  bytes(track: ClipTrack, group: number, index: number): Uint8Array {
    const frame = track.groups[group % track.groups.length]?.[index];
    if (frame === undefined) throw new RangeError(`group ${group} has no frame ${index}`);
    const copy = frame.bytes.slice();
    const pass = Math.floor(group / track.groups.length);
    shiftDecodeTime(copy.subarray(0, frame.moofBytes), (pass * this.durationMs * track.movie.timescale) / 1000);
    return copy;
  }
}

function cut(file: Uint8Array): {
  init: Uint8Array;
  movie: MovieTrack[];
  frames: { groups: Map<number, Frame[][]>; durationMs: number };
} {
  let movie: MovieTrack[] = [];
  let moof: Uint8Array | undefined;
  let durationMs = 0;
  const init: Uint8Array[] = [];
  const groups = new Map<number, Frame[][]>();
  for (const box of new BoxSplitter().push(file)) {
    if (box.type === "ftyp" || box.type === "moov") init.push(box.bytes);
    if (box.type === "moov") {
      movie = parseMovie(box.bytes);
      for (const { id } of movie) groups.set(id, []);
    }
    if (box.type === "moof") moof = box.bytes;
    if (box.type !== "mdat" || moof === undefined) continue;
    const fragment = parseFragment(moof, new Map(movie.map((track) => [track.id, track])));
    const { track, decodeTime, duration } = fragment;
    // A key frame of the picture starts a group in every track, so that all of them can be joined there.
    if (track.kind === "video" && fragment.startsWithSync) for (const list of groups.values()) list.push([]);
    const atMs = (decodeTime * 1000) / track.timescale;
    groups
      .get(track.id)
      ?.at(-1)
      ?.push({ bytes: concat([moof, box.bytes]), moofBytes: moof.length, atMs });
    durationMs = Math.max(durationMs, ((decodeTime + duration) * 1000) / track.timescale);
  }
  return { init: concat(init), movie, frames: { groups, durationMs } };
}

/** One array out of several. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
