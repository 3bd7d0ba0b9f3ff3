/**
 * One HTTP exchange on its stream both ways (RFC 9114 section 4): frames in, header blocks and DATA out. A request of the
 * client or of the server; what its parts mean is the handler's.
 */
import { ByteWriter } from "../byte-writer.ts";
import type { QuicStream } from "../quic/quic-stream.ts";
import type { ReceiveSink } from "../streams.ts";
import { Http3Error, type Http3ErrorName, http3Code } from "./codes.ts";
import type { FieldLine } from "./field-line.ts";
import { FrameReader, type FrameSink, type FrameTreatment, FrameType, frame, unexpected } from "./frames.ts";
import { checkTrailers } from "./message.ts";
import { decodeFields, encodeFields, type FieldLimits } from "./qpack.ts";

/** What follows a header block. */
export type AfterHead =
  /** DATA, and trailers at the end. */
  | "message"
  /** DATA only: a CONNECT was made. */
  | "tunnel"
  /** Another header block: this one was interim (1xx). */
  | "head";

/** Who is told what arrives. */
export interface MessageHandler {
  /** A header block that is no trailers. What it throws ends stream or connection. */
  head(lines: readonly FieldLine[]): AfterHead;
  /** Bytes of DATA frames, `bytes[start … end - 1]`. */
  body(bytes: Uint8Array, start: number, end: number): void;
  /** The peer has finished its direction. */
  ended(): void;
  /**
   * The exchange is over before its time: reset with a code as it is on the wire, by us if there is a `fault`; or undefined
   * if the connection ended.
   */
  gone(code: bigint | undefined, fault?: Http3Error): void;
}

/** The connection a message belongs to. */
export interface MessageOwner {
  readonly fieldLimits: FieldLimits;
  /** Runs what may throw an `Http3Error` and ends the connection with it; one of a stream goes to `fault`. */
  attempt(action: () => void, fault?: (error: Http3Error) => void): void;
}

/** STOP_SENDING with these only says that the peer reads no more; what it has to say comes on its own direction. */
const harmlessStops = new Set([BigInt(http3Code("H3_NO_ERROR")), BigInt(http3Code("WT_SESSION_GONE"))]);

/** The sending side and the parser of one exchange. */
export class MessageStream implements ReceiveSink, FrameSink {
  readonly stream: QuicStream;
  readonly #owner: MessageOwner;
  readonly #handler: MessageHandler;
  readonly #writer: MessageWriter;
  readonly #reader: FrameReader;
  readonly #answered = Promise.withResolvers<void>();
  #state: "head" | "message" | "tunnel" | "trailers" = "head";
  #over = false;

  /** @param openStream Opens the stream, or gives the one that was opened its source. */
  constructor(
    owner: MessageOwner,
    handler: MessageHandler,
    openStream: (source: ByteWriter, sink: ReceiveSink) => QuicStream,
  ) {
    this.#owner = owner;
    this.#handler = handler;
    this.#writer = new MessageWriter((code) => {
      if (!harmlessStops.has(code)) this.#gone(code);
    });
    this.#reader = new FrameReader(this, owner.fieldLimits.sectionBytes);
    this.stream = openStream(this.#writer, this);
  }

  /** The type of the first frame was read by whoever looked at the stream first. */
  beginWith(type: number): void {
    this.#reader.beginWith(type);
  }

  /** Bytes of ours that wait for room in packets. */
  get queuedBytes(): number {
    return this.#writer.queuedBytes;
  }

  sendHead(lines: readonly FieldLine[]): void {
    this.#write(frame(FrameType.HEADERS, encodeFields(lines)));
  }

  /** Sends a DATA frame. False: more is queued than should be, wait for `room`. */
  sendData(payload: Uint8Array): boolean {
    return this.#write(frame(FrameType.DATA, payload));
  }

  /** Resolves when there is room for more: true; or when the peer takes no more: false. */
  room(): Promise<boolean> {
    return this.#writer.drained().then(
      () => this.#writer.open,
      () => false,
    );
  }

  /** Nothing more is sent. */
  finish(): void {
    this.#writer.finish();
  }

  /** Resolves when the peer has acknowledged all that was sent up to `finish`; rejects when the stream ends before that. */
  acknowledged(): Promise<void> {
    return this.#writer.acknowledged();
  }

  /** Resolves when the peer has ended its direction, in whatever way. */
  get answered(): Promise<void> {
    return this.#answered.promise;
  }

  /** Asks the peer for no more: what it still has to say does not matter. */
  stopReceiving(code: Http3ErrorName): void {
    this.#reader.stop();
    this.#over = true;
    this.stream.stop(http3Code(code));
  }

  /** Ends both directions; the handler hears nothing more. */
  abandon(code: Http3ErrorName): void {
    this.#over = true;
    this.#reader.stop();
    this.stream.abandon(http3Code(code));
  }

  /** Runs what may throw an `Http3Error`: it ends the exchange, or the connection. */
  attempt(action: () => void): void {
    this.#owner.attempt(action, (fault) => {
      if (this.#over) return;
      this.abandon(fault.code);
      this.#handler.gone(BigInt(fault.wireCode), fault);
    });
  }

  // --- ReceiveSink --------------------------------------------------------------------------------------------------

  data(bytes: Uint8Array, start: number, end: number): void {
    this.attempt(() => this.#reader.feed(bytes, start, end));
  }

  finished(): void {
    this.#answered.resolve();
    if (this.#over) return;
    this.attempt(() => {
      this.#reader.end();
      if (this.#state === "head") {
        throw new Http3Error("H3_REQUEST_INCOMPLETE", "A stream ended before its message began.", "stream");
      }
      this.#handler.ended();
    });
  }

  reset(code: bigint): void {
    this.#answered.resolve();
    this.#gone(code);
  }

  closed(): void {
    this.#answered.resolve();
    this.#gone(undefined);
  }

  // --- FrameSink ----------------------------------------------------------------------------------------------------

  begin(type: number): FrameTreatment {
    switch (type) {
      case FrameType.DATA:
        if (this.#state === "head") throw unexpected(type, "no header block came before it");
        if (this.#state === "trailers") throw unexpected(type, "the message has ended with trailers");
        return "stream";
      case FrameType.HEADERS:
        if (this.#state === "tunnel") throw unexpected(type, "only DATA follows a CONNECT");
        if (this.#state === "trailers") throw unexpected(type, "the message has ended with trailers");
        return "whole";
      case FrameType.PUSH_PROMISE:
        if (this.stream.connection.side === "client") throw unexpected(type, "no push was allowed", "H3_ID_ERROR");
        throw unexpected(type, "a client does not push");
      case FrameType.CANCEL_PUSH:
      case FrameType.SETTINGS:
      case FrameType.GOAWAY:
      case FrameType.MAX_PUSH_ID:
        throw unexpected(type, "it belongs on the control stream");
      case FrameType.WT_STREAM:
        throw unexpected(type, "it is no frame, and may only begin a stream", "H3_FRAME_ERROR");
      default:
        return "skip";
    }
  }

  frame(_type: number, payload: Uint8Array): void {
    const lines = decodeFields(payload, this.#owner.fieldLimits);
    if (this.#state === "head") this.#state = this.#handler.head(lines);
    else {
      checkTrailers(lines);
      this.#state = "trailers";
    }
  }

  part(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#over) this.#handler.body(bytes, start, end);
  }

  #write(bytes: Uint8Array): boolean {
    return this.#writer.open && this.#writer.write(bytes);
  }

  #gone(code: bigint | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.stop();
    this.#handler.gone(code);
  }
}

/** A writer that tells when the peer wants no more. */
class MessageWriter extends ByteWriter {
  readonly #stopped: (code: bigint) => void;
  open = true;

  constructor(stopped: (code: bigint) => void) {
    super();
    this.#stopped = stopped;
  }

  override finish(): void {
    this.open = false;
    super.finish();
  }

  override stopped(code: bigint): void {
    this.open = false;
    super.stopped(code);
    this.#stopped(code);
  }

  override closed(): void {
    this.open = false;
    super.closed();
  }
}
