/**
 * The event ring: `engine.events()` returns n, then record i lies at `engine.eventWords[i * EVENT_WORDS + EVENT_…]`.
 * Pointers are offsets in `engine.memory`, valid until the next call of `events()`.
 */

/** Words (u32) per record. */
export const EVENT_WORDS = 8;
/** Word: one of {@link EventKind}. */
export const EVENT_KIND = 0;
/** Word: flags, or who closed, or why a datagram was dropped. */
export const EVENT_FLAGS = 1;
/** Word: connection handle; endpoint for REFUSED. */
export const EVENT_CONNECTION = 2;
/** Word: stream handle; endpoint for CONNECTED and CLOSED, timer for TIMER, peer for PATH and REFUSED. */
export const EVENT_STREAM = 3;
/** Word: upper half of a 62-bit code or stream id. */
export const EVENT_HIGH = 4;
/** Word: lower half of a 62-bit code or stream id; count for DATAGRAM_DROPPED and CREDIT. */
export const EVENT_LOW = 5;
/** Word: where the bytes start in `engine.memory`. */
export const EVENT_POINTER = 6;
/** Word: how many bytes. */
export const EVENT_LENGTH = 7;

/** Kinds of events. */
export const EventKind = {
  /** Handshake done; streams that were open are dead if 0-RTT was rejected (`connectionInfo`). connection, EVENT_STREAM = endpoint, flags {@link CONNECTED_SERVER}; word 4 = peer. */
  CONNECTED: 1,
  /** Over, exactly once; as server also for a handshake that failed, without CONNECTED before. flags = {@link ClosedBy}, code in high/low, reason text at pointer/length. Its streams are dead. */
  CLOSED: 2,
  /** The connection's handle is dead; nothing more is sent. */
  DRAINED: 3,
  /** Opened by the peer. stream, id in high/low, flags {@link STREAM_UNI}. Its first DATA or RESET follows directly. */
  STREAM: 4,
  /** Bytes of a stream in order at pointer/length; flags {@link DATA_FIN} when they are the last (may be 0 bytes). */
  DATA: 5,
  /** The peer abandoned its sending side; code in high/low. No further DATA. */
  RESET: 6,
  /** The peer wants no more of our bytes; code in high/low. The sending side is over. */
  STOP: 7,
  /** Everything we sent on the stream, FIN included, was acknowledged. */
  ACKED: 8,
  /** Both sides over: the stream handle is dead. */
  RELEASED: 9,
  /** A datagram at pointer/length. */
  DATAGRAM: 10,
  /** Datagrams we queued will not be sent; flags = {@link DatagramDrop}, low = how many. */
  DATAGRAM_DROPPED: 11,
  /** Fewer datagrams wait than `awaitDatagramRoom` asked for; low = how many. */
  DATAGRAM_ROOM: 18,
  /** An application timer fired; EVENT_STREAM = its handle, now dead. */
  TIMER: 12,
  /** The peer's address changed; EVENT_STREAM = peer index. */
  PATH: 13,
  /**
   * A client's first packet was answered with a close, so there is no connection: EVENT_CONNECTION = endpoint,
   * EVENT_STREAM = peer, the QUIC or TLS code we sent in high/low (0x2: no room), what was wrong at pointer/length.
   */
  REFUSED: 17,
  /** The peer allows more streams; flags {@link STREAM_UNI} tells the direction. Waiting streams go on by themselves. */
  CREDIT: 14,
  /** A line of the NSS key log format at pointer/length; low = the configuration's `keyLog`. No connection. */
  KEY_LOG: 15,
  /** Records of traced connections at pointer/length: see `readTrace`. No connection. */
  TRACE: 16,
} as const;

/** CONNECTED flag: we are the server. */
export const CONNECTED_SERVER = 1;
/** STREAM and CREDIT flag: unidirectional. */
export const STREAM_UNI = 1;
/** DATA flag: the last bytes of the stream. */
export const DATA_FIN = 1;

/** Who ended a connection. */
export const ClosedBy = {
  /** `closeConnection` or `closeEndpoint`. */
  LOCAL: 0,
  /** The peer's application: code and reason are its own. */
  PEER_APPLICATION: 1,
  /** The peer's QUIC or TLS layer: RFC 9000 section 20.1 code, 0x100 + alert for TLS. */
  PEER_TRANSPORT: 2,
  /** Our QUIC or TLS layer found fault with the peer: same codes. */
  TRANSPORT: 3,
  /** Nothing heard for the idle time-out, or the handshake took too long (flag low = 1). */
  IDLE: 4,
  /** Stateless reset: the peer has forgotten the connection. */
  RESET: 5,
  /** The peer speaks no QUIC version of ours. */
  VERSION: 6,
  /** Memory was nearly full and this connection held most of it, or was silent longest. */
  MEMORY: 7,
} as const;

/** Why datagrams were dropped. */
export const DatagramDrop = {
  /** The queue was full; the oldest of the least urgent went. */
  QUEUE: 1,
  /** The deadline passed before a packet had room. */
  DEADLINE: 2,
  /** Larger than any packet of this path, or the peer takes none. */
  NEVER_FITS: 3,
} as const;
