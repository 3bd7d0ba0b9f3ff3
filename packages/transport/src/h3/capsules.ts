/** Capsules on a WebTransport session's CONNECT stream (RFC 9297 section 3, draft-ietf-webtrans-http3-16 sections 4.7, 5.6 and 6). */

import { joined, VarintParser, VarintReader, varint } from "../varint.ts";
import { Http3Error } from "./codes.ts";

export const CapsuleType = {
  DATAGRAM: 0x0,
  CLOSE_SESSION: 0x2843,
  DRAIN_SESSION: 0x78ae,
  MAX_DATA: 0x190b4d3d,
  MAX_STREAM_DATA: 0x190b4d3e,
  MAX_STREAMS_BIDI: 0x190b4d3f,
  MAX_STREAMS_UNI: 0x190b4d40,
  DATA_BLOCKED: 0x190b4d41,
  STREAM_DATA_BLOCKED: 0x190b4d42,
  STREAMS_BLOCKED_BIDI: 0x190b4d43,
  STREAMS_BLOCKED_UNI: 0x190b4d44,
} as const;

/** Longest reason of CLOSE_SESSION, in bytes of UTF-8. */
export const maxCloseReasonBytes = 1024;
const maxCloseBytes = 4 + maxCloseReasonBytes;
/** No stream id is larger than 2^62 - 1, so there are at most this many streams of a kind. */
const maxStreams = 2n ** 60n;

/** A capsule with a meaning here. */
export type Capsule =
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  | { readonly type: "drain" }
  | { readonly type: "max-data"; readonly limit: bigint }
  | { readonly type: "max-streams"; readonly unidirectional: boolean; readonly limit: bigint };

type Kind = "close" | "drain" | "number" | "streams" | "forbidden" | "skip";

function kindOf(type: number): Kind {
  switch (type) {
    case CapsuleType.CLOSE_SESSION:
      return "close";
    case CapsuleType.DRAIN_SESSION:
      return "drain";
    case CapsuleType.MAX_DATA:
    case CapsuleType.DATA_BLOCKED:
      return "number";
    case CapsuleType.MAX_STREAMS_BIDI:
    case CapsuleType.MAX_STREAMS_UNI:
    case CapsuleType.STREAMS_BLOCKED_BIDI:
    case CapsuleType.STREAMS_BLOCKED_UNI:
      return "streams";
    case CapsuleType.MAX_STREAM_DATA:
    case CapsuleType.STREAM_DATA_BLOCKED:
      return "forbidden";
    default:
      return "skip";
  }
}

const largest: Readonly<Record<Kind, number>> = {
  close: maxCloseBytes,
  drain: 0,
  number: 8,
  streams: 8,
  forbidden: 0,
  skip: 0,
};

/** Cuts the bytes of a CONNECT stream into capsules; unknown ones are passed over. */
export class CapsuleReader {
  readonly #take: (capsule: Capsule) => void;
  readonly #type = new VarintParser();
  readonly #length = new VarintParser();
  #kind: Kind = "skip";
  #left = 0;
  #payload = new Uint8Array(0);
  #filled = 0;
  #closed = false;

  constructor(take: (capsule: Capsule) => void) {
    this.#take = take;
  }

  /**
   * Takes `bytes[start … end - 1]`. Throws errors of the stream: `H3_DATAGRAM_ERROR` for a malformed capsule,
   * `H3_MESSAGE_ERROR` for a bad or not last CLOSE_SESSION, `WT_FLOW_CONTROL_ERROR` for impossible limits.
   */
  feed(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#closed) throw message("bytes follow WT_CLOSE_SESSION");
      if (!this.#length.done) {
        if (!this.#type.done) at = this.#type.feed(bytes, at, end);
        if (this.#type.done) at = this.#length.feed(bytes, at, end);
        if (!this.#length.done) continue;
        this.#begin();
      } else {
        const stop = Math.min(end, at + this.#left);
        if (this.#kind !== "skip") this.#payload.set(bytes.subarray(at, stop), this.#filled);
        this.#filled += stop - at;
        this.#left -= stop - at;
        at = stop;
      }
      if (this.#left === 0) this.#finish();
    }
  }

  /** The stream has ended. Throws `H3_DATAGRAM_ERROR` inside a capsule (RFC 9297 section 3.3). */
  end(): void {
    if (this.#type.done || this.#type.partial) throw malformed("the stream ended inside it");
  }

  #begin(): void {
    const type = this.#type.value;
    this.#kind = kindOf(type);
    this.#left = this.#length.value;
    this.#filled = 0;
    if (this.#kind === "skip") return;
    if (this.#kind === "forbidden") throw malformed(`type 0x${type.toString(16)} has no place on HTTP/3`);
    if (this.#left > largest[this.#kind]) {
      if (this.#kind === "close")
        throw message(`the reason of WT_CLOSE_SESSION is longer than ${maxCloseReasonBytes} bytes`);
      throw malformed(`type 0x${type.toString(16)} has ${this.#left} bytes`);
    }
    this.#payload = new Uint8Array(this.#left);
  }

  #finish(): void {
    const type = this.#type.value;
    const kind = this.#kind;
    const payload = this.#payload;
    this.#type.restart();
    this.#length.restart();
    this.#kind = "skip";
    if (kind === "skip") return;
    if (kind === "drain") this.#take({ type: "drain" });
    else if (kind === "close") {
      this.#closed = true;
      this.#take(closeCapsule(payload));
    } else this.#limit(type, kind === "streams", payload);
  }

  #limit(type: number, ofStreams: boolean, payload: Uint8Array): void {
    const reader = new VarintReader(payload);
    const limit = reader.exact();
    if (limit === undefined || reader.left > 0) throw malformed(`type 0x${type.toString(16)} does not hold one number`);
    if (ofStreams && limit > maxStreams) {
      throw new Http3Error("WT_FLOW_CONTROL_ERROR", `A capsule speaks of ${limit} streams.`, "stream");
    }
    if (type === CapsuleType.MAX_DATA) this.#take({ type: "max-data", limit });
    else if (type === CapsuleType.MAX_STREAMS_BIDI || type === CapsuleType.MAX_STREAMS_UNI) {
      this.#take({ type: "max-streams", unidirectional: type === CapsuleType.MAX_STREAMS_UNI, limit });
    }
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function closeCapsule(payload: Uint8Array): Capsule {
  if (payload.length < 4) throw message("WT_CLOSE_SESSION has no code");
  const code = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
  try {
    return { type: "close", code, reason: strictUtf8.decode(payload.subarray(4)) };
  } catch {
    throw message("the reason of WT_CLOSE_SESSION is no UTF-8");
  }
}

/** A capsule as bytes. */
export function encodeCapsule(capsule: Capsule): Uint8Array {
  switch (capsule.type) {
    case "close": {
      const reason = clippedUtf8(capsule.reason, maxCloseReasonBytes);
      const payload = new Uint8Array(4 + reason.length);
      new DataView(payload.buffer).setUint32(0, capsule.code);
      payload.set(reason, 4);
      return joined(varint(CapsuleType.CLOSE_SESSION), varint(payload.length), payload);
    }
    case "drain":
      return joined(varint(CapsuleType.DRAIN_SESSION), varint(0));
    case "max-data":
      return numbered(CapsuleType.MAX_DATA, capsule.limit);
    case "max-streams":
      return numbered(
        capsule.unidirectional ? CapsuleType.MAX_STREAMS_UNI : CapsuleType.MAX_STREAMS_BIDI,
        capsule.limit,
      );
  }
}

/** UTF-8 of at most so many bytes, never ending inside a character. */
export function clippedUtf8(text: string, limit: number): Uint8Array {
  const target = new Uint8Array(limit);
  const { written } = new TextEncoder().encodeInto(text, target);
  return target.subarray(0, written);
}

function numbered(type: number, limit: bigint): Uint8Array {
  const payload = varint(limit);
  return joined(varint(type), varint(payload.length), payload);
}

function malformed(detail: string): Http3Error {
  return new Http3Error("H3_DATAGRAM_ERROR", `A capsule is malformed: ${detail}.`, "stream");
}

function message(detail: string): Http3Error {
  return new Http3Error("H3_MESSAGE_ERROR", `A capsule is wrong: ${detail}.`, "stream");
}
