/** HTTP/3 frames (RFC 9114 section 7): taken from a stream in pieces, and written. */

import { joined, VarintParser, varint } from "../varint.ts";
import { Http3Error, type Http3ErrorName } from "./codes.ts";

export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  CANCEL_PUSH: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  GOAWAY: 0x7,
  MAX_PUSH_ID: 0xd,
  /** Not a frame: the first bytes of a WebTransport stream both ways (draft-ietf-webtrans-http3-16 section 4.3). */
  WT_STREAM: 0x41,
} as const;

/** PRIORITY, PING, WINDOW_UPDATE and CONTINUATION of HTTP/2, which HTTP/3 forbids (section 7.2.8). */
const forbiddenTypes = new Set([0x2, 0x6, 0x8, 0x9]);

/** What is done with a frame's payload. */
export type FrameTreatment =
  /** It is gathered, up to a limit, and given out whole. */
  | "whole"
  /** It is passed on as it arrives. */
  | "stream"
  /** It is dropped. */
  | "skip";

/** Who takes the frames of one stream. */
export interface FrameSink {
  /** A frame begins. What it throws ends the parsing. */
  begin(type: number, length: number): FrameTreatment;
  /** A whole frame. `payload` is valid during the call only. */
  frame(type: number, payload: Uint8Array): void;
  /** The next bytes of a frame that is streamed: `bytes[start … end - 1]`. */
  part(bytes: Uint8Array, start: number, end: number): void;
}

/** Cuts the bytes of one stream into frames. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #wholeLimit: number;
  readonly #type = new VarintParser();
  readonly #length = new VarintParser();
  #treatment: FrameTreatment = "skip";
  /** Payload bytes of the frame under way that are still to come. */
  #left = 0;
  #gathered: Uint8Array | undefined;
  #filled = 0;
  #stopped = false;

  /** @param wholeLimit Largest payload that is gathered, in bytes; above it `H3_EXCESSIVE_LOAD`. */
  constructor(sink: FrameSink, wholeLimit: number) {
    this.#sink = sink;
    this.#wholeLimit = wholeLimit;
  }

  /** Gives the reader the type of its first frame, which somebody else has read already. */
  beginWith(type: number): void {
    this.#type.value = type;
    this.#type.done = true;
  }

  /** Takes `bytes[start … end - 1]`. Throws `H3_FRAME_UNEXPECTED`, `H3_EXCESSIVE_LOAD`, and what the sink throws. */
  feed(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && !this.#stopped) {
      if (this.#length.done) {
        at = this.#payload(bytes, at, end);
        continue;
      }
      if (!this.#type.done) at = this.#type.feed(bytes, at, end);
      if (this.#type.done) at = this.#length.feed(bytes, at, end);
      if (this.#length.done) this.#begin();
    }
  }

  /** Nothing more is parsed: the sink wants no more. */
  stop(): void {
    this.#stopped = true;
  }

  /** The stream has ended. Throws `H3_FRAME_ERROR` inside a frame (section 7.1). */
  end(): void {
    if (this.#stopped) return;
    if (this.#type.done || this.#type.partial) {
      throw new Http3Error("H3_FRAME_ERROR", "A stream ended inside a frame.");
    }
  }

  #begin(): void {
    const type = this.#type.value;
    const length = this.#length.value;
    if (forbiddenTypes.has(type)) throw unexpected(type, "HTTP/3 has no such frame");
    this.#left = length;
    this.#treatment = this.#sink.begin(type, length);
    if (this.#treatment === "whole" && length > this.#wholeLimit) {
      throw new Http3Error(
        "H3_EXCESSIVE_LOAD",
        `A frame of type 0x${type.toString(16)} has ${length} bytes; at most ${this.#wholeLimit} are taken.`,
      );
    }
    if (length === 0) this.#finish(nothing);
  }

  #payload(bytes: Uint8Array, at: number, end: number): number {
    const stop = Math.min(end, at + this.#left);
    this.#left -= stop - at;
    if (this.#treatment === "stream") {
      this.#sink.part(bytes, at, stop);
      if (this.#left === 0) this.#restart();
    } else if (this.#treatment === "skip") {
      if (this.#left === 0) this.#restart();
    } else if (this.#gathered === undefined && this.#left === 0) {
      this.#finish(bytes.subarray(at, stop));
    } else {
      this.#gathered ??= new Uint8Array(this.#length.value);
      this.#gathered.set(bytes.subarray(at, stop), this.#filled);
      this.#filled += stop - at;
      if (this.#left === 0) this.#finish(this.#gathered);
    }
    return stop;
  }

  #finish(payload: Uint8Array): void {
    const type = this.#type.value;
    const whole = this.#treatment === "whole";
    this.#restart();
    if (whole) this.#sink.frame(type, payload);
  }

  #restart(): void {
    this.#type.restart();
    this.#length.restart();
    this.#gathered = undefined;
    this.#filled = 0;
  }
}

const nothing = new Uint8Array(0);

/** A frame as bytes. */
export function frame(type: number, payload: Uint8Array): Uint8Array {
  return joined(varint(type), varint(payload.length), payload);
}

/** A frame is where it may not be. */
export function unexpected(type: number, why: string, code: Http3ErrorName = "H3_FRAME_UNEXPECTED"): Http3Error {
  return new Http3Error(code, `A frame of type 0x${type.toString(16)} is out of place: ${why}.`);
}
