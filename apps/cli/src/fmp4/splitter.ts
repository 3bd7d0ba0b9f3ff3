/**
 * Cuts a byte stream into whole top-level MP4 boxes. Bounded: a box above its limit is refused when its header arrives,
 * before its bytes are collected.
 */
import { Mp4Error, readBoxHeader } from "./box.ts";

/** Largest box accepted, in bytes. `mdat` carries samples; everything else is headers. */
export interface SplitterLimits {
  /** Default 64 MiB: more than a second of the highest bitrates in use. */
  readonly mediaBytes: number;
  /** Default 4 MiB. */
  readonly headerBytes: number;
}

const defaultLimits: SplitterLimits = { mediaBytes: 64 * 1024 * 1024, headerBytes: 4 * 1024 * 1024 };

/** One whole top-level box; `bytes` includes its header and belongs to the receiver. */
export interface TopBox {
  readonly type: string;
  readonly bytes: Uint8Array;
  /** Where the box starts in the stream. */
  readonly offset: number;
}

export class BoxSplitter {
  readonly #limits: SplitterLimits;
  readonly #header = new Uint8Array(16);
  #headerLength = 0;
  #box: { type: string; bytes: Uint8Array; filled: number } | undefined;
  /** Bytes taken from the stream so far. */
  #offset = 0;

  constructor(limits: Partial<SplitterLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** True between boxes: a stream that ends here was not cut short. */
  get idle(): boolean {
    return this.#box === undefined && this.#headerLength === 0;
  }

  /** Adds bytes and returns the boxes they complete, in order. The chunk is copied, never kept. */
  push(chunk: Uint8Array): TopBox[] {
    const complete: TopBox[] = [];
    let at = 0;
    while (at < chunk.length || this.#box?.filled === this.#box?.bytes.length) {
      if (this.#box === undefined) {
        if (at === chunk.length) break;
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const box = this.#box;
      const take = Math.min(chunk.length - at, box.bytes.length - box.filled);
      box.bytes.set(chunk.subarray(at, at + take), box.filled);
      box.filled += take;
      at += take;
      this.#offset += take;
      if (box.filled < box.bytes.length) break;
      complete.push({ type: box.type, bytes: box.bytes, offset: this.#offset - box.bytes.length });
      this.#box = undefined;
    }
    return complete;
  }

  /** Collects header bytes; opens the box once its size is known. Returns how far the chunk was read. */
  #takeHeader(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length) {
      this.#header[this.#headerLength++] = chunk[at++] as number;
      this.#offset++;
      const start = this.#offset - this.#headerLength;
      const header = readBoxHeader(this.#header.subarray(0, this.#headerLength), 0, start);
      if (header === undefined) continue;
      const limit = header.type === "mdat" ? this.#limits.mediaBytes : this.#limits.headerBytes;
      if (header.size > limit) {
        throw new Mp4Error(
          `box ${printable(header.type)} has ${header.size} bytes, more than the limit of ${limit}`,
          start,
        );
      }
      const bytes = new Uint8Array(header.size);
      bytes.set(this.#header.subarray(0, header.headerBytes));
      this.#box = { type: header.type, bytes, filled: header.headerBytes };
      this.#headerLength = 0;
      break;
    }
    return at;
  }
}

/** A box type as it may be shown to a person: input that is not MP4 puts anything there. */
function printable(type: string): string {
  return /^[\x20-\x7e]{4}$/.test(type)
    ? `"${type}"`
    : `0x${[...type].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("")}`;
}
