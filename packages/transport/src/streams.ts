/**
 * Streams, byte by byte: a source is asked for bytes while a packet is being built, a sink is told bytes as they arrive.
 * No promise, no copy and no queue in between. `ByteWriter` and `ByteReader` are the comfortable forms.
 */

import { type ErrorCode, highWord, lowWord } from "./error-code.ts";
import { TransportError } from "./errors.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { Runtime } from "./runtime.ts";

/** Order of leaving: four u32, most significant first; the lowest key leaves first. Streams and datagrams share it. */
export type SortKey = readonly [number, number, number, number];

/** The key of whatever has none: before everything else. */
export const defaultSortKey: SortKey = [0, 0, 0, 0];

/** Which way a stream goes. */
export type StreamDirection = "bidirectional" | "unidirectional";

/** Gives a stream its bytes, just in time: it is asked only while a packet is being built. */
export interface SendSource {
  /** Bytes wait now. */
  readonly pending: boolean;
  /** Nothing follows what was pulled: the stream ends with FIN. */
  readonly finished: boolean;
  /** Writes at most `max` bytes at `target[offset]` and after, and returns how many. It must not wait. */
  pull(target: Uint8Array, offset: number, max: number): number;
  /** The source now feeds this stream. */
  opened?(stream: SendStream): void;
  /** The peer wants no more (STOP_SENDING); nothing is pulled any more. */
  stopped?(code: bigint): void;
  /** The peer has acknowledged everything, FIN included. */
  acked?(): void;
  /** The sending side or the connection is over: nothing more will be called. Exactly once. */
  closed?(): void;
}

/** Takes a stream's bytes as they arrive. `finished` or `reset` comes last, or `closed` if the connection ended first. */
export interface ReceiveSink {
  /** The next bytes are `bytes[start … end - 1]`: valid during the call only. */
  data(bytes: Uint8Array, start: number, end: number): void;
  /** The peer finished the stream: everything has arrived. */
  finished(): void;
  /** The peer abandoned the stream with this code. */
  reset(code: bigint): void;
  /** The sink now takes this stream. */
  opened?(stream: ReceiveStream | IncomingStream): void;
  /** The connection ended before the stream did. */
  closed?(): void;
}

/** The sending side of a stream. */
export interface SendStream {
  /** QUIC stream id; undefined until its first byte was put into a packet. */
  readonly id: bigint | undefined;
  /** Says that the source has bytes, or is finished. Cheap; moves nothing by itself. */
  activate(): void;
  /** Changes the place in the order, from the next packet on. */
  setSortKey(key: SortKey): void;
  /** Abandons the stream (RESET_STREAM). Before its first byte this costs nothing on the wire. */
  reset(code?: ErrorCode): void;
}

/** The receiving side of a stream. */
export interface ReceiveStream {
  /** QUIC stream id. */
  readonly id: bigint;
  /** Asks the peer to stop sending (STOP_SENDING). The sink hears nothing more. */
  stop(code?: ErrorCode): void;
  /** Says that this many delivered bytes are consumed, so that as many more may come. For `autoCredit` false. */
  credit(bytes: number): void;
  /** True (the default): bytes count as consumed when `data` returns. False: the peer waits until `credit` is called. */
  autoCredit: boolean;
  /** Lets another sink take over from the next byte on. */
  setSink(sink: ReceiveSink): void;
}

/** A stream both ways that was opened here. */
export interface BidirectionalStream extends SendStream, Omit<ReceiveStream, "id"> {
  readonly id: bigint | undefined;
}

/** A one-way stream the peer opened. */
export interface IncomingUnidirectionalStream extends ReceiveStream {
  readonly direction: "unidirectional";
}

/** A stream both ways that the peer opened. Answer with `setSource`, or refuse to with `reset`. */
export interface IncomingBidirectionalStream extends ReceiveStream, SendStream {
  readonly id: bigint;
  readonly direction: "bidirectional";
  /** Gives the sending side its source, once. */
  setSource(source: SendSource, sortKey?: SortKey): void;
}

/** A stream the peer opened; `direction` tells which kind. */
export type IncomingStream = IncomingUnidirectionalStream | IncomingBidirectionalStream;

/** Receive credit is given back in lumps of this part of what one stream may have in flight. */
const creditShare = 4;

/** Every stream there is, as the engine's handle, a source and a sink. */
export class QuicStream implements BidirectionalStream {
  readonly direction: StreamDirection;
  readonly handle: number;
  readonly connection: QuicConnection;
  autoCredit = true;

  readonly #runtime: Runtime;
  #id: bigint | undefined;
  #source: SendSource | undefined;
  #sink: ReceiveSink | undefined;
  /** Bytes delivered and consumed whose credit was not given back yet. */
  #owed = 0;
  #sending: boolean;
  #receiving: boolean;
  #released = false;

  constructor(runtime: Runtime, connection: QuicConnection, handle: number, shape: StreamShape) {
    this.#runtime = runtime;
    this.connection = connection;
    this.handle = handle;
    this.direction = shape.direction;
    this.#id = shape.id;
    this.#sending = shape.sends;
    this.#receiving = shape.receives;
  }

  // The type says bigint | undefined; an incoming stream always has one, as its interfaces tell.
  get id(): bigint {
    if (this.#id === undefined && !this.#released && !this.#runtime.busy) {
      const id = this.#runtime.engine.streamId(this.handle);
      if (id >= 0) this.#id = BigInt(id);
    }
    return this.#id as bigint;
  }

  activate(): void {
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.activate());
      return;
    }
    this.#runtime.engine.activate(this.handle);
    this.#runtime.touch();
  }

  setSortKey(key: SortKey): void {
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.setSortKey(key));
      return;
    }
    this.#runtime.engine.setKey(this.handle, key[0], key[1], key[2], key[3]);
    this.#runtime.touch();
  }

  reset(code: ErrorCode = 0): void {
    const high = highWord(code);
    const low = lowWord(code);
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.reset(code));
      return;
    }
    this.#runtime.engine.reset(this.handle, high, low);
    this.#runtime.touch();
    this.#endSending();
  }

  stop(code: ErrorCode = 0): void {
    const high = highWord(code);
    const low = lowWord(code);
    if (this.#released || !this.#receiving) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.stop(code));
      return;
    }
    this.#runtime.engine.stop(this.handle, high, low);
    this.#runtime.touch();
    this.#receiving = false;
    this.#sink = undefined;
  }

  credit(bytes: number): void {
    if (this.#released || !this.#receiving || bytes <= 0) return;
    this.#owed += bytes;
    if (this.#owed >= this.connection.streamCreditBytes / creditShare) this.#giveCredit();
  }

  setSink(sink: ReceiveSink): void {
    if (this.#receiving) this.#sink = sink;
    sink.opened?.(this as IncomingStream);
  }

  setSource(source: SendSource, sortKey?: SortKey): void {
    if (this.#source !== undefined)
      throw new TransportError("option-invalid", {
        option: "source",
        detail: "the stream has one already",
      });
    if (this.#released || !this.#sending) {
      source.closed?.();
      return;
    }
    this.#source = source;
    if (sortKey !== undefined) this.setSortKey(sortKey);
    source.opened?.(this);
    if (source.pending || source.finished) this.activate();
  }

  // --- From the runtime -------------------------------------------------------------------------------------------

  /** The engine builds a packet and takes bytes. */
  pull(target: Uint8Array, offset: number, max: number): number {
    const source = this.#source;
    return source === undefined || !source.pending ? 0 : source.pull(target, offset, max);
  }

  get finished(): boolean {
    return this.#source?.finished ?? false;
  }

  get pending(): boolean {
    return this.#source?.pending ?? false;
  }

  onData(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    if (!this.#receiving) return;
    if (end > start) {
      this.#sink?.data(bytes, start, end);
      if (this.autoCredit && !last) this.credit(end - start);
    }
    if (!last || !this.#receiving) return;
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.finished();
  }

  onReset(code: bigint): void {
    if (!this.#receiving) return;
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.reset(code);
  }

  onStop(code: bigint): void {
    if (!this.#sending) return;
    this.#source?.stopped?.(code);
    this.#endSending();
  }

  onAcked(): void {
    if (!this.#sending) return;
    this.#source?.acked?.();
    this.#endSending();
  }

  /** The handle is dead, or its connection is. */
  onReleased(): void {
    if (this.#released) return;
    this.#released = true;
    this.#endSending();
    if (!this.#receiving) return;
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.closed?.();
  }

  #giveCredit(): void {
    if (this.#released || this.#owed === 0) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.#giveCredit());
      return;
    }
    const owed = this.#owed;
    this.#owed = 0;
    this.#runtime.engine.credit(this.handle, owed);
    this.#runtime.touch();
  }

  #endSending(): void {
    if (!this.#sending) return;
    this.#sending = false;
    const source = this.#source;
    this.#source = undefined;
    source?.closed?.();
  }
}

/** How a stream starts. */
export interface StreamShape {
  readonly direction: StreamDirection;
  readonly id: bigint | undefined;
  readonly sends: boolean;
  readonly receives: boolean;
}
