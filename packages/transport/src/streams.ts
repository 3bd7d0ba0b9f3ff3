/**
 * Streams, byte by byte: a source is asked for bytes while a packet is being built, a sink is told bytes as they arrive.
 * No promise, no copy and no queue in between. `ByteWriter` and `ByteReader` are the comfortable forms.
 */

import type { ErrorCode } from "./error-code.ts";
import type { TransportError } from "./errors.ts";

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
  /**
   * Writes at most `max` bytes, some packets' worth, at `target[offset]` and after, and returns how many. It must not wait.
   * They go in this order and at this stream's place among others; `reset` drops what has not left.
   */
  pull(target: Uint8Array, offset: number, max: number): number;
  /** The source now feeds this stream. */
  opened?(stream: SendStream): void;
  /** The peer wants no more (STOP_SENDING); nothing is pulled any more. */
  stopped?(code: bigint): void;
  /** The peer has acknowledged everything, FIN included. */
  acked?(): void;
  /** The sending side or the connection is over: nothing more will be called. Exactly once. `why`: 0-RTT was rejected. */
  closed?(why?: TransportError): void;
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
  /** The connection ended before the stream did, or with `why` the stream alone: 0-RTT was rejected. */
  closed?(why?: TransportError): void;
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
