/** The control streams of both sides and what is told on them (RFC 9114 sections 6.2.1 and 7.2). */
import { ByteWriter } from "../byte-writer.ts";
import type { QuicStream } from "../quic/quic-stream.ts";
import type { ReceiveSink } from "../streams.ts";
import { joined, VarintReader, varint } from "../varint.ts";
import { Http3Error } from "./codes.ts";
import { FrameReader, type FrameSink, type FrameTreatment, FrameType, frame, unexpected } from "./frames.ts";
import type { MessageOwner } from "./message-stream.ts";
import { decodeSettings, maxSettingsBytes, type Settings } from "./settings.ts";

/** Types of one-way streams. */
export const StreamType = {
  CONTROL: 0x0,
  PUSH: 0x1,
  QPACK_ENCODER: 0x2,
  QPACK_DECODER: 0x3,
  /** draft-ietf-webtrans-http3-16 section 4.2. */
  WEBTRANSPORT: 0x54,
} as const;

/** Our control stream: it begins with SETTINGS and never ends. */
export class ControlWriter extends ByteWriter {
  readonly #owner: MessageOwner;

  constructor(owner: MessageOwner, settings: Uint8Array) {
    super();
    this.#owner = owner;
    this.write(joined(varint(StreamType.CONTROL), frame(FrameType.SETTINGS, settings)));
  }

  goAway(id: number): void {
    this.write(frame(FrameType.GOAWAY, varint(id)));
  }

  override stopped(code: bigint): void {
    super.stopped(code);
    this.#owner.attempt(() => {
      throw closedCritical("the control stream");
    });
  }
}

/** Who is told what the peer says. */
export interface ControlHandler extends MessageOwner {
  settings(settings: Settings): void;
  /** The peer takes no requests (a server), or pushes (a client), from this id on. */
  goAway(id: number): void;
}

/** The peer's control stream. */
export class ControlReader implements ReceiveSink, FrameSink {
  readonly #owner: ControlHandler;
  readonly #stream: QuicStream;
  readonly #reader: FrameReader;
  #begun = false;
  #goAway = Number.POSITIVE_INFINITY;
  #maxPush = -1;

  constructor(owner: ControlHandler, stream: QuicStream) {
    this.#owner = owner;
    this.#stream = stream;
    this.#reader = new FrameReader(this, maxSettingsBytes);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#owner.attempt(() => this.#reader.feed(bytes, start, end));
  }

  finished(): void {
    this.#fail();
  }

  reset(): void {
    this.#fail();
  }

  begin(type: number, length: number): FrameTreatment {
    if (!this.#begun) {
      if (type !== FrameType.SETTINGS) {
        throw unexpected(type, "the control stream begins with SETTINGS", "H3_MISSING_SETTINGS");
      }
      this.#begun = true;
      return "whole";
    }
    const server = this.#stream.connection.side === "server";
    switch (type) {
      case FrameType.SETTINGS:
        throw unexpected(type, "SETTINGS came before");
      case FrameType.DATA:
      case FrameType.HEADERS:
      case FrameType.PUSH_PROMISE:
        throw unexpected(type, "it belongs on a request stream");
      case FrameType.WT_STREAM:
        throw unexpected(type, "it is no frame, and may only begin a stream", "H3_FRAME_ERROR");
      case FrameType.MAX_PUSH_ID:
        if (!server) throw unexpected(type, "a server sends none");
        break;
      case FrameType.GOAWAY:
      case FrameType.CANCEL_PUSH:
        break;
      default:
        return "skip";
    }
    if (length > 8)
      throw new Http3Error("H3_FRAME_ERROR", `A frame of type 0x${type.toString(16)} has ${length} bytes.`);
    return "whole";
  }

  frame(type: number, payload: Uint8Array): void {
    if (type === FrameType.SETTINGS) {
      this.#owner.settings(decodeSettings(payload));
      return;
    }
    const reader = new VarintReader(payload);
    const id = reader.next();
    if (id === undefined || reader.left > 0) {
      throw new Http3Error("H3_FRAME_ERROR", `A frame of type 0x${type.toString(16)} does not hold one number.`);
    }
    if (type === FrameType.CANCEL_PUSH) throw idError("a push was cancelled, and there is none");
    if (type === FrameType.MAX_PUSH_ID) {
      if (id < this.#maxPush) throw idError("MAX_PUSH_ID became smaller");
      this.#maxPush = id;
      return;
    }
    if (this.#stream.connection.side === "client" && id % 4 !== 0) throw idError("GOAWAY names no request stream");
    if (id > this.#goAway) throw idError("GOAWAY became larger");
    this.#goAway = id;
    this.#owner.goAway(id);
  }

  part(): void {}

  #fail(): void {
    this.#owner.attempt(() => {
      throw closedCritical("the peer's control stream");
    });
  }
}

/** A stream both sides rely on (a QPACK one): bytes are checked, an end is an error. */
export class CriticalSink implements ReceiveSink {
  readonly #owner: MessageOwner;
  readonly #check: (bytes: Uint8Array, start: number, end: number) => void;

  constructor(owner: MessageOwner, check: (bytes: Uint8Array, start: number, end: number) => void) {
    this.#owner = owner;
    this.#check = check;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#owner.attempt(() => this.#check(bytes, start, end));
  }

  finished(): void {
    this.#fail();
  }

  reset(): void {
    this.#fail();
  }

  #fail(): void {
    this.#owner.attempt(() => {
      throw closedCritical("a QPACK stream");
    });
  }
}

function closedCritical(which: string): Http3Error {
  return new Http3Error("H3_CLOSED_CRITICAL_STREAM", `Closed was ${which}, which must stay open.`);
}

function idError(detail: string): Http3Error {
  return new Http3Error("H3_ID_ERROR", `An id is wrong: ${detail}.`);
}
