/**
 * What a session asks of a connection: byte-oriented streams and datagrams, no promise per chunk. Structural on purpose,
 * so that this package imports no transport: raw QUIC of `@moqingbird/transport`, an in-memory pair in tests, or anything
 * a caller dresses in this shape will do.
 */

/**
 * Order in which bytes leave a connection: four unsigned 32-bit numbers, most significant first, lowest key first.
 * Streams and datagrams share the space.
 */
export type SortKey = readonly [number, number, number, number];

/** Bytes made just in time: asked only while a packet is being built. */
export interface SendSource {
  /** Bytes wait now. After `activate()` the transport looks at this before it pulls. */
  readonly pending: boolean;
  /** Nothing will follow what was pulled so far: the stream ends with FIN. */
  readonly finished: boolean;
  /** Writes at most `max` bytes at `target[offset]` and returns how many; more than 0 while `pending`. */
  pull(target: Uint8Array, offset: number, max: number): number;
  /** The peer sent STOP_SENDING with this code; the stream should be reset. */
  stopped?(code: bigint): void;
  /** Everything up to and including FIN was acknowledged. */
  acked?(): void;
  /** Stream or connection is over; nothing more will be called. */
  closed?(): void;
}

/** Takes what arrives on a stream. */
export interface ReceiveSink {
  /** `bytes[start..end)` is valid during the call only. */
  data(bytes: Uint8Array, start: number, end: number): void;
  /** FIN: everything arrived. */
  finished(): void;
  /** RESET_STREAM with the peer's code; what was not delivered never will be. */
  reset(code: bigint): void;
  /** The connection ended first. */
  closed?(): void;
}

/** Sending half of a stream. */
export interface SendStream {
  /** Tells that the source has bytes, or finished. Moves no bytes itself. */
  activate(): void;
  /** Changes the place in the sending order from the next packet on. */
  setSortKey(key: SortKey): void;
  /** Abandons the stream. Before its first byte this costs nothing on the wire and the peer never learns of it. */
  reset(code: number | bigint): void;
}

/** Receiving half of a stream. */
export interface ReceiveStream {
  /** Asks the peer to stop (STOP_SENDING). Nothing is delivered afterwards. */
  stop(code: number | bigint): void;
  /** Gives receive credit back when `autoCredit` is off. */
  credit(bytes: number): void;
  /** True (default): bytes count as consumed when `data` returns. */
  autoCredit: boolean;
}

/** A bidirectional stream opened by the peer: it gets its source when the receiver wants to answer. */
export interface IncomingBidirectional extends ReceiveStream, SendStream {
  setSource(source: SendSource, sortKey: SortKey): void;
}

/** A bidirectional stream opened here. */
export interface OutgoingBidirectional extends SendStream, ReceiveStream {}

/** How a connection ended; reported exactly once. */
export interface CloseInfo {
  /** Who or what ended it: `local` for our own close, `peer-application` for the peer's, else the transport's word (`idle`, ...). */
  readonly by: string;
  /** Application or transport error code, untranslated. */
  readonly code: bigint;
  readonly reason: string;
  /** The transport's own account of a failure, where it has one. */
  readonly error?: Error | undefined;
}

/** What a connection reports to its one user. Set `connection.handler` before the first turn of the event loop passes. */
export interface ConnectionHandler {
  /** A stream opened by the peer, told with its first bytes at hand; the sink receives them next. */
  stream?(stream: ReceiveStream | IncomingBidirectional, direction: StreamDirection): ReceiveSink;
  /** `bytes[start..end)` is valid during the call only. */
  datagram?(bytes: Uint8Array, start: number, end: number): void;
  closed?(info: CloseInfo): void;
}

export type StreamDirection = "unidirectional" | "bidirectional";

/** Options of one datagram. */
export interface DatagramOptions {
  readonly sortKey?: SortKey;
  /** Dropped when it could not leave within this many milliseconds. */
  readonly deadlineMs?: number;
}

/** One connection, as a session sees it. */
export interface Connection {
  /** Protocol agreed on below MoQ: the ALPN of raw QUIC, that of a WebTransport session, or "" where it has none. */
  readonly protocol: string;
  readonly side: "client" | "server";
  handler: ConnectionHandler | undefined;
  /** Never blocks: the stream waits for credit inside the transport. */
  openUnidirectional(source: SendSource, sortKey: SortKey): SendStream;
  openBidirectional(source: SendSource, sink: ReceiveSink, sortKey: SortKey): OutgoingBidirectional;
  /** Copies the payload; false when it was refused (too large, queue full, connection over). */
  sendDatagram(payload: Uint8Array, options?: DatagramOptions): boolean;
  /** Largest datagram payload that can leave now, in bytes; 0 when the peer takes none. */
  readonly maxDatagramSize: number;
  close(close: { readonly code: number | bigint; readonly reason: string }): void;
  readonly closed: Promise<CloseInfo>;
}
