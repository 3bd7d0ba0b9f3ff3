/** A connection as users and sessions see it. The class behind it is in quic-connection.ts. */
import type { ConnectionStats } from "@moqingbird/engine";
import type { SocketAddress } from "./address.ts";
import type { ErrorCode } from "./error-code.ts";
import type { TransportError } from "./errors.ts";
import type {
  BidirectionalStream,
  IncomingStream,
  ReceiveSink,
  SendSource,
  SendStream,
  SortKey,
  StreamDirection,
} from "./streams.ts";

/** Who ended a connection. */
export type ClosedBy =
  /** Our own `close`. */
  | "local"
  /** The peer's application; code and reason are its own. */
  | "peer-application"
  /** The peer's QUIC or TLS layer; code from RFC 9000 section 20.1, TLS alerts as 0x100 + alert. */
  | "peer-transport"
  /** Our QUIC or TLS layer found fault with the peer; same codes. */
  | "transport"
  /** Nothing was heard for the idle time-out, or the handshake took too long. */
  | "idle"
  /** The peer has forgotten the connection and said so. */
  | "reset"
  /** No common QUIC version. */
  | "version"
  /** The engine of this thread crashed. */
  | "engine";

/** How a connection ended. */
export interface CloseInfo {
  readonly by: ClosedBy;
  /** As sent, untranslated; 0 where none was. */
  readonly code: bigint;
  /** The closer's words; may be empty. */
  readonly reason: string;
  /** The same as an error with a full sentence; undefined after our own `close`. */
  readonly error?: TransportError;
}

/** What a connection reports. */
export interface ConnectionHandler {
  /**
   * The peer opened a stream and its first bytes are here. Returns who takes them. A stream both ways may get its
   * source at once or later (`stream.setSource`). What this throws ends the connection with `handler-failed`.
   */
  stream(stream: IncomingStream, direction: StreamDirection): ReceiveSink;
  /** A datagram, `bytes[start … end - 1]`: valid during the call only. */
  datagram(bytes: Uint8Array, start: number, end: number): void;
  /** Datagrams given to `sendDatagram` that will never leave, and why. */
  datagramsDropped?(count: number, why: DatagramDropReason): void;
  /** The connection is over. Exactly once, after every source and sink has been told. */
  closed(info: CloseInfo): void;
}

/** Why datagrams were dropped here: queue overflow, deadline passed, or larger than any packet of the path. */
export type DatagramDropReason = "queue-full" | "deadline" | "too-large";

/** Options of `sendDatagram`. */
export interface DatagramOptions {
  /** Default: before everything else. */
  readonly sortKey?: SortKey;
  /** Dropped if it could not leave within so many milliseconds. Default: waits for ever. */
  readonly deadlineMs?: number;
}

/** What `close` tells the peer. */
export interface CloseOptions {
  /** Application error code, 0 to 2^62 - 1. Default 0. */
  readonly code?: ErrorCode;
  /** UTF-8 text; cut to what fits into one packet (about 1000 bytes). Default empty. */
  readonly reason?: string;
}

/** What a connection can do before its handshake is done: `onEarlyData` of `connect`. */
export interface EarlyConnection {
  /** Opens a one-way stream. Never blocks: it waits inside for the peer's stream credit. Throws `closed`. */
  openUnidirectional(source: SendSource, sortKey?: SortKey): SendStream;
  /** Opens a stream both ways. Never blocks. Throws `closed`. */
  openBidirectional(source: SendSource, sink: ReceiveSink, sortKey?: SortKey): BidirectionalStream;
}

/** One QUIC connection whose handshake is done. */
export interface Connection extends EarlyConnection, AsyncDisposable {
  /** The application protocol (ALPN) both sides agreed on. */
  readonly protocol: string;
  readonly side: "client" | "server";
  /** Server name the client asked for; "" if it named none. */
  readonly serverName: string;
  /** A ticket of an earlier connection to the same server stood in for its certificate (RFC 8446 section 2.2). */
  readonly resumed: boolean;
  /**
   * Whether the server took what was said before the handshake was done (0-RTT, RFC 9001 section 4.6); "none" if nothing
   * was. "rejected", too, if it was said to another of the server's addresses, and this one answered first.
   */
  readonly earlyData: "none" | "accepted" | "rejected";
  /** Where the peer is now; changes when it moves to another network. */
  readonly remoteAddress: SocketAddress;
  /** Address of the socket. A listener on all addresses has "::" or "0.0.0.0" here. */
  readonly localAddress: SocketAddress;
  /**
   * Whom to tell about streams, datagrams and the end; streams that came before it was set are told then. Of a handler
   * that is given in part, the missing rest refuses streams and ignores datagrams and the end.
   */
  get handler(): ConnectionHandler | undefined;
  set handler(handler: Partial<ConnectionHandler> | undefined);
  /** Queues a datagram (copied). False: it can never fit, the peer takes none, or the connection is closed. */
  sendDatagram(payload: Uint8Array, options?: DatagramOptions): boolean;
  /** Datagrams that waited to leave right after the last `sendDatagram`; fewer may wait by now. Costs nothing to ask. */
  readonly queuedDatagrams: number;
  /** Resolves when fewer than `below` datagrams wait to leave, or the connection is over. Never rejects. */
  datagramRoom(below: number): Promise<void>;
  /** Largest payload of a datagram now, in bytes; 0 when the peer takes none. */
  readonly maxDatagramSize: number;
  /** Ends the connection; the peer is told code and reason. Unsent and unacknowledged bytes are dropped. Repeatable. */
  close(options?: CloseOptions): void;
  /** Resolves exactly once, with how the connection ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /**
   * Secret bytes that both sides derive from the TLS session and nobody else knows (RFC 8446 section 7.5), `length` of them,
   * 1 to 8160. Label and context say what they are for; of a WebTransport session the label and the context have at most 255
   * bytes each. Missing where TLS is not the connection's own (over WebSocket). Errors: `closed`, `option-invalid`.
   */
  exportKeyingMaterial?(label: Uint8Array, context: Uint8Array, length: number): Uint8Array;
  /** Counters since the start; after the end, the last ones known. */
  stats(): ConnectionStats;
  /** An open connection keeps the process alive (the default for `connect`). */
  ref(): this;
  /** Lets the process end although the connection is open. No effect on one a listener accepted. */
  unref(): this;
}
