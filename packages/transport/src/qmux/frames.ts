/**
 * Frames of QMux (QUIC v1 frames, RFC 9000 section 19, and QX_ frames, draft-ietf-quic-qmux-02 section 4) and of the older
 * `webtransport` wire, read from whole WebSocket messages. Pure. A malformed frame throws a QmuxError that names what is
 * wrong and where. Integers above 2^53 - 1 read as 2^53 - 1, which no limit of ours allows; codes are exact.
 */
import type { StreamDirection } from "../streams.ts";
import { VarintReader } from "../varint.ts";
import { QmuxError, type QmuxErrorName } from "./error.ts";
import { decodeParameters, maxStreamCount, type Parameters } from "./parameters.ts";
import { type WireVersion, wireFeatures } from "./versions.ts";

/** Types as they are on the wire. */
export const frameTypes = {
  PADDING: 0x00,
  RESET_STREAM: 0x04,
  STOP_SENDING: 0x05,
  STREAM: 0x08,
  MAX_DATA: 0x10,
  MAX_STREAM_DATA: 0x11,
  MAX_STREAMS_BIDI: 0x12,
  MAX_STREAMS_UNI: 0x13,
  DATA_BLOCKED: 0x14,
  STREAM_DATA_BLOCKED: 0x15,
  STREAMS_BLOCKED_BIDI: 0x16,
  STREAMS_BLOCKED_UNI: 0x17,
  CONNECTION_CLOSE: 0x1c,
  APPLICATION_CLOSE: 0x1d,
  RESET_STREAM_AT: 0x24,
  DATAGRAM: 0x30,
  DATAGRAM_LEN: 0x31,
} as const;

/** Types of eight bytes. */
export const longFrameTypes = {
  QX_TRANSPORT_PARAMETERS: 0x3f5153300d0a0d0an,
  QX_PING: 0x348c67529ef8c7bdn,
  QX_PONG: 0x348c67529ef8c7ben,
} as const;

/** Bits of a STREAM frame's type. */
export const streamBits = { FIN: 0x01, LEN: 0x02, OFF: 0x04 } as const;

/** The next bytes of a stream: `bytes[start … end - 1]`, valid as long as the message. */
export interface StreamFrame {
  readonly kind: "stream";
  readonly id: number;
  /** Undefined on the older wire, which has none. */
  readonly offset: number | undefined;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly fin: boolean;
}

/** A datagram's payload, `bytes[start … end - 1]`. */
export interface DatagramFrame {
  readonly kind: "datagram";
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The whole frame: what max_datagram_frame_size limits. */
  readonly frameBytes: number;
}

/** One frame as it was read. */
export type Frame =
  | StreamFrame
  | DatagramFrame
  | {
      readonly kind: "reset-stream";
      readonly id: number;
      readonly code: bigint;
      /** Undefined on the older wire. */
      readonly finalSize: number | undefined;
      /** Of RESET_STREAM_AT: what must be delivered before the reset is. */
      readonly reliableSize: number | undefined;
    }
  | { readonly kind: "stop-sending"; readonly id: number; readonly code: bigint }
  | { readonly kind: "max-data"; readonly limit: number }
  | { readonly kind: "max-stream-data"; readonly id: number; readonly limit: number }
  | { readonly kind: "max-streams"; readonly direction: StreamDirection; readonly limit: number }
  /** The peer would send more if it might: for its own information. */
  | { readonly kind: "blocked" }
  | { readonly kind: "close"; readonly application: boolean; readonly code: bigint; readonly reason: string }
  | { readonly kind: "parameters"; readonly parameters: Parameters }
  | { readonly kind: "ping" | "pong"; readonly sequence: bigint };

const decoder = new TextDecoder();

/** Reads the frames of one message. */
export class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #quicFrames: boolean;
  readonly #reader: VarintReader;
  #type = 0;

  constructor(bytes: Uint8Array, version: WireVersion) {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#quicFrames = wireFeatures[version].quicFrames;
    this.#reader = new VarintReader(bytes);
  }

  /** The next frame; undefined behind the last. Throws QmuxError. */
  next(): Frame | undefined {
    const reader = this.#reader;
    if (!this.#quicFrames) return reader.left === 0 ? undefined : this.#older();
    for (;;) {
      if (reader.left === 0) return undefined;
      const at = reader.at;
      const type = this.#exact("type");
      if (type > 0x3fn && type < 2n ** 30n) throw this.#fault(`frame type 0x${type.toString(16)} is not taken`, at);
      if (type <= 0x3fn && reader.at - at > 1) {
        throw new QmuxError("PROTOCOL_VIOLATION", "A frame type is longer than it need be (RFC 9000 section 12.4).");
      }
      this.#type = Number(type);
      if (type !== 0n) return this.#frame(type, at);
    }
  }

  #frame(type: bigint, at: number): Frame {
    if (type >= 0x08n && type <= 0x0fn) return this.#stream(Number(type));
    switch (type) {
      case 0x04n:
        return this.#reset(this.#number("stream id"), this.#exact("code"), this.#number("final size"), undefined);
      case 0x24n:
        return this.#reset(
          this.#number("stream id"),
          this.#exact("code"),
          this.#number("final size"),
          this.#number("reliable size"),
        );
      case 0x05n:
        return { kind: "stop-sending", id: this.#number("stream id"), code: this.#exact("code") };
      case 0x10n:
        return { kind: "max-data", limit: this.#number("limit") };
      case 0x11n:
        return { kind: "max-stream-data", id: this.#number("stream id"), limit: this.#number("limit") };
      case 0x12n:
        return { kind: "max-streams", direction: "bidirectional", limit: this.#streamCount() };
      case 0x13n:
        return { kind: "max-streams", direction: "unidirectional", limit: this.#streamCount() };
      case 0x15n:
        this.#number("stream id");
        this.#number("limit");
        return { kind: "blocked" };
      case 0x14n:
        this.#number("limit");
        return { kind: "blocked" };
      case 0x16n:
      case 0x17n:
        this.#streamCount();
        return { kind: "blocked" };
      case 0x1cn:
      case 0x1dn:
        return this.#close(type === 0x1dn);
      case 0x30n:
        return this.#datagram(at, this.#reader.left);
      case 0x31n:
        return this.#datagram(at, this.#number("length"));
      case longFrameTypes.QX_TRANSPORT_PARAMETERS: {
        const [start, end] = this.#take(this.#number("length"));
        return { kind: "parameters", parameters: decodeParameters(this.#bytes, start, end) };
      }
      case longFrameTypes.QX_PING:
        return { kind: "ping", sequence: this.#exact("sequence") };
      case longFrameTypes.QX_PONG:
        return { kind: "pong", sequence: this.#exact("sequence") };
      default:
        throw this.#fault(`frame type 0x${type.toString(16)} is not taken`, at);
    }
  }

  /** A message of the older wire is one frame; its type is a byte. */
  #older(): Frame {
    const type = this.#bytes[0] as number;
    this.#reader.at = 1;
    this.#type = type;
    const frame = this.#olderFrame(type);
    if (this.#reader.left > 0) throw this.#fault("bytes are left behind the frame", this.#reader.at);
    return frame;
  }

  #olderFrame(type: number): Frame {
    switch (type) {
      case 0x08:
      case 0x09: {
        const id = this.#number("stream id");
        const [start, end] = this.#take(this.#reader.left);
        return { kind: "stream", id, offset: undefined, bytes: this.#bytes, start, end, fin: type === 0x09 };
      }
      case 0x04:
        return this.#reset(this.#number("stream id"), this.#exact("code"), undefined, undefined);
      case 0x05:
        return { kind: "stop-sending", id: this.#number("stream id"), code: this.#exact("code") };
      case 0x1c:
      case 0x1d: {
        const code = this.#exact("code");
        return { kind: "close", application: type === 0x1d, code, reason: this.#text(this.#reader.left) };
      }
      default:
        throw this.#fault(`frame type 0x${type.toString(16)} is not taken`, 0);
    }
  }

  #stream(type: number): StreamFrame {
    const id = this.#number("stream id");
    const offset = type & streamBits.OFF ? this.#number("offset") : 0;
    const length = type & streamBits.LEN ? this.#number("length") : this.#reader.left;
    const [start, end] = this.#take(length);
    return { kind: "stream", id, offset, bytes: this.#bytes, start, end, fin: (type & streamBits.FIN) !== 0 };
  }

  #reset(id: number, code: bigint, finalSize: number | undefined, reliableSize: number | undefined): Frame {
    if (reliableSize !== undefined && finalSize !== undefined && reliableSize > finalSize) {
      throw this.#fault("the reliable size is above the final size", this.#reader.at);
    }
    return { kind: "reset-stream", id, code, finalSize, reliableSize };
  }

  #close(application: boolean): Frame {
    const code = this.#exact("code");
    if (!application) this.#exact("frame type");
    return { kind: "close", application, code, reason: this.#text(this.#number("reason length")) };
  }

  #datagram(at: number, length: number): DatagramFrame {
    const [start, end] = this.#take(length);
    return { kind: "datagram", bytes: this.#bytes, start, end, frameBytes: end - at };
  }

  #streamCount(): number {
    const at = this.#reader.at;
    const count = this.#exact("limit");
    if (count > maxStreamCount) throw this.#fault("more than 2^60 streams", at);
    return Number(count);
  }

  #text(length: number): string {
    const [start, end] = this.#take(length);
    return decoder.decode(this.#bytes.subarray(start, end));
  }

  #take(length: number): readonly [number, number] {
    const start = this.#reader.at;
    if (length > this.#reader.left)
      throw this.#fault(`${length} bytes are announced, ${this.#end - start} are there`, start);
    this.#reader.at = start + length;
    return [start, start + length];
  }

  #number(field: string): number {
    const at = this.#reader.at;
    const value = this.#reader.next();
    if (value === undefined) throw this.#fault(`the field ${field} is cut short`, at);
    return value;
  }

  #exact(field: string): bigint {
    const at = this.#reader.at;
    const value = this.#reader.exact();
    if (value === undefined) throw this.#fault(`the field ${field} is cut short`, at);
    return value;
  }

  #fault(what: string, at: number, name: QmuxErrorName = "FRAME_ENCODING_ERROR"): QmuxError {
    return new QmuxError(name, `A message is malformed at byte ${at}: ${what}.`, this.#type);
  }
}
