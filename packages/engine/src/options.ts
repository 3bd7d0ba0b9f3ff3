/**
 * Options of the engine's set-up calls. Durations end in their unit, sizes in Bytes; every field is optional unless its
 * line says otherwise, and its default stands in its line.
 */
import type { EngineError } from "./errors.ts";

/** The host's clocks. Injected, so that a simulation owns time. */
export interface EngineClock {
  /** Monotonic microseconds; an integer, at most 2^53 - 1. Read by the host for `now` arguments, and once at creation. */
  micros(): number;
  /** Wall clock in milliseconds since 1970, for certificate validity and tokens. */
  wallMillis(): number;
}

/**
 * Called while a packet is being built: write at most `max` bytes of `stream` at `engine.memory[offset…]` and return
 * {@link prepared}`(length, fin, more)`. `max` is what this packet has room for, or what it and up to seven more have that
 * congestion control lets follow at once; bytes that do not fit wait in the engine, and a reset drops them. It may only write bytes: calling the engine inside it throws `reentrant`.
 * A throw resets the stream and goes to `onPrepareError`.
 */
export type Prepare = (connection: number, stream: number, offset: number, max: number) => number;

/** Options of {@link createEngine}. */
export interface EngineOptions {
  /** Default: performance.now() and Date.now(). */
  readonly clock?: EngineClock;
  /** Fills `target` with entropy. Default: node:crypto. A seeded generator makes two runs send equal packets. */
  readonly entropy?: (target: Uint8Array) => void;
  /** Source of stream bytes; required, because nothing is ever queued in the engine. */
  readonly prepare: Prepare;
  /** Told what `prepare` threw; the stream is reset with code 0 all the same. Default: the next `pump` throws it before it begins. */
  readonly onPrepareError?: (error: unknown, connection: number, stream: number) => void;
  /** Connections of all endpoints together. Default 4096. Connecting above it throws, accepting above it is refused. */
  readonly maxConnections?: number;
  /** Peer addresses remembered besides those in use by connections. Default 16384, at least 2048. */
  readonly maxPeers?: number;
  /** Secrets shared with the engines before, after and beside this one. Default: random, known to nobody else. */
  readonly keys?: EngineKeys;
  /**
   * Told once when the instance traps, whichever call it was; that call and all later ones throw `crashed`. Only to take
   * note: the engine's caller is still on the stack.
   */
  readonly onCrash?: (error: EngineError) => void;
  /**
   * Bytes of memory to keep to, at most what there is: 256 MiB, the default; at least 16 MiB. Pages are taken from the
   * system as they are first used, so this bounds the process too. {@link connectionBytes} tells what one connection may
   * hold; where all of them together may hold more than this, it is kept by what {@link MemoryStats} describes.
   */
  readonly memoryBytes?: number;
  /** Who encrypts packets, on both sides of a connection alike. Default "simd". */
  readonly crypto?: Crypto;
  /**
   * Watches TX slots, for tests: a released slot is overwritten; writing to it, looking at it or releasing it again throws
   * `slot-misused`, a write at the next `ingest` or `pump`. Costs a pass over the released slots in each of these. Default false.
   */
  readonly watchSlots?: boolean;
}

/**
 * Secrets by which one engine goes on where another ended. Engines with equal keys answer packets of each other's
 * connections with stateless resets, which end them at once at the peer, take each other's tokens and resume each other's
 * sessions. Whoever knows them can end connections and pass for a verified address: keep them as you keep a private key,
 * and change them now and then, because tickets of past sessions can be opened with them.
 */
export interface EngineKeys {
  /** 32 bytes: stateless resets (RFC 9000 section 10.3), and the mark of our connection ids. */
  readonly statelessReset: Uint8Array;
  /** 32 bytes: Retry and NEW_TOKEN tokens (RFC 9000 section 8.1). */
  readonly token: Uint8Array;
  /** 32 bytes: session tickets (RFC 8446 section 4.6.1); each is good for 12 to 24 hours. */
  readonly ticket: Uint8Array;
}

/** Memory of one connection, in bytes. */
export interface ConnectionBytes {
  /** Once it is up, before any data. */
  readonly atRest: number;
  /** With every window and queue full. */
  readonly atMost: number;
}

/**
 * How full an engine's memory is, and what was done to keep to its budget. Above 65 % of it every connection's windows
 * are lowered to 32 KiB and new clients must prove their address (Retry), until it is below 50 %. Above 80 % no connection is opened or accepted. Above 90 % no new data
 * is sent, of received packets only small ones are taken (acknowledgements, which free memory), and every 10 ms the
 * connection is closed that holds most, or is silent longest ({@link ClosedBy}.MEMORY).
 */
export interface MemoryStats {
  readonly inUseBytes: number;
  readonly budgetBytes: number;
  /** Windows are lowered now. */
  readonly pressed: boolean;
  /** How often they were, since the start. */
  readonly presses: number;
  readonly closedConnections: number;
  /** Received packets left out. */
  readonly droppedPackets: number;
  /** Requests for memory since the start. */
  readonly requests: number;
}

/**
 * Implementation of packet encryption, of ChaCha20-Poly1305, which both sides prefer, and of AES-GCM, for peers that offer nothing
 * else: "simd" is ours in 128-bit lanes, "ring" the portable C of the library that does the rest of TLS, a few times slower.
 * On the wire they are the same. Initial packets are ring's in either case.
 */
export type Crypto = "simd" | "ring";

/** Name of a congestion controller. */
export type Congestion = "cubic" | "newreno" | "bbr";

/** Transport behaviour of the connections of one configuration. */
export interface TransportOptions {
  /** Silence after which a connection is over. Default 10000; 0 never. The lower of both peers' counts. */
  readonly idleTimeoutMs?: number;
  /** Silence after which we send a PING. Default 4000; 0 never. */
  readonly keepAliveMs?: number;
  /** Time for the handshake, then CLOSED by "idle". Default 10000. */
  readonly handshakeTimeoutMs?: number;
  /** Unread bytes a peer may have under way on one stream. Default 1 MiB. */
  readonly streamReceiveWindow?: number;
  /** Unread bytes a peer may have under way on the connection. Default 4 MiB. Bounds receive memory per connection. */
  readonly connectionReceiveWindow?: number;
  /** Unacknowledged bytes we keep for retransmission. Default 8 MiB; wants twice the bandwidth-delay product. */
  readonly sendWindow?: number;
  /**
   * Unidirectional streams the peer may have open. Default 128; costs up to 50 bytes each. At first it is told no more than
   * 20: the fourth one it opens brings it the rest, so that a peer which only listens costs little.
   */
  readonly maxUniStreams?: number;
  /** Bidirectional streams the peer may have open. Default 32; 8 until the fourth is opened. */
  readonly maxBidiStreams?: number;
  /** Bytes of one stream delivered before the host must give credit. Default 256 KiB. */
  readonly streamCreditBytes?: number;
  /** Default "cubic". */
  readonly congestion?: Congestion;
  /** UDP payload of the first packets, in bytes. Default 1200. */
  readonly initialMtu?: number;
  /** Largest UDP payload that path MTU discovery tries. Default 1452; not above initialMtu switches discovery off. */
  readonly maxMtu?: number;
  /** Received datagrams held until `events`. Default 256 KiB; 0 refuses datagrams. */
  readonly datagramReceiveBytes?: number;
  /** Datagrams waiting to leave; the oldest of the least urgent is dropped above it. Default 256. */
  readonly datagramQueue?: number;
  /** Round trip assumed before the first sample. Default 100. */
  readonly initialRttMs?: number;
  /** Packets a willing peer may receive before it must acknowledge. Default 8; 0 leaves RFC 9000's rule of two. */
  readonly ackEveryPackets?: number;
}

/** What the connections of a configuration tell of themselves. The numbers are the host's choice; 0, the default, is silence. */
export interface ObservingOptions {
  /**
   * TLS secrets come as KEY_LOG events that carry this number (0 to 2^32 - 1): whoever has them can read the connections'
   * packets.
   */
  readonly keyLog?: number;
  /**
   * Packets in the clear and what the state machine makes of them come as TRACE events; this number (0 to 2^32 - 1) is in
   * the first record of each connection. Costs a copy of every packet, and up to 2 MiB of the engine's memory.
   */
  readonly trace?: number;
}

/** A server's certificate, protocols and transport. */
export interface ServerConfigOptions extends ObservingOptions {
  /** PEM, or DER (certificates one after the other), leaf first. Required. */
  readonly certificateChain: Uint8Array | string;
  /** PEM, or DER: PKCS#8, SEC1 or PKCS#1. Required. */
  readonly privateKey: Uint8Array | string;
  /** Shown instead to clients that ask for one of their names. Default: none. */
  readonly named?: readonly NamedCertificate[];
  /** ALPN protocols, the server's favourite first. Required, not empty. */
  readonly alpn: readonly string[];
  readonly transport?: TransportOptions;
  /**
   * Takes 0-RTT from clients with a ticket of this configuration, and keeps it until the handshake is done. Its tickets
   * then stand for sessions that this engine keeps, the newest 4096: each is good once, here and nowhere else, and not for
   * a successor with the same keys. Default false.
   */
  readonly earlyData?: boolean;
}

/** A certificate for some host names. */
export interface NamedCertificate {
  /** Host names; "*.example.com" stands for every host there. Where a name is given twice, the first certificate counts. */
  readonly names: readonly string[];
  /** As in {@link ServerConfigOptions}. */
  readonly certificateChain: Uint8Array | string;
  readonly privateKey: Uint8Array | string;
}

/** Whom a client believes: certification authorities, exact leaf certificates by SHA-256, or anybody (tests only). */
export type Trust =
  | { readonly roots: readonly (Uint8Array | string)[] }
  | { readonly sha256: readonly Uint8Array[] }
  | "none";

/** A client's protocols, trust and transport. */
export interface ClientConfigOptions extends ObservingOptions {
  /** ALPN protocols, the favourite first. Required, not empty. */
  readonly alpn: readonly string[];
  /** Required: the engine knows no system roots. */
  readonly trust: Trust;
  readonly transport?: TransportOptions;
  /**
   * Offers 0-RTT to a server that gave this configuration a ticket for it: what streams and datagrams have to say before
   * CONNECTED leaves at once. Whoever records it can send it to the server again. Default false.
   */
  readonly earlyData?: boolean;
}

/**
 * Limits of one endpoint (one UDP socket), as server. What is above them is refused (REFUSED event, CONNECTION_REFUSED to
 * the client). An address is an IPv4 address or an IPv6 /64; a connection counts for the one it began at.
 */
export interface EndpointOptions {
  /** Handshakes under way: from an eighth of it on clients must prove their address (Retry), above it they are refused. Default 1024. */
  readonly maxHandshakes?: number;
  /** Connections of this endpoint. Default: the engine's. */
  readonly maxConnections?: number;
  /**
   * Handshakes under way with one address: from an eighth of it on it must be proven (Retry), above it proven ones are
   * refused, so that forged packets lock nobody out. Default: an eighth of maxHandshakes, at least 16; for loopback
   * addresses maxHandshakes.
   */
  readonly maxHandshakesPerAddress?: number;
  /** Connections of one address. Default: a quarter of maxConnections, at least 16; for loopback addresses maxConnections. */
  readonly maxConnectionsPerAddress?: number;
}

/**
 * What became of 0-RTT on a connection. "offered": as client, before CONNECTED. "rejected": the server took none of it; the
 * streams opened before CONNECTED are dead.
 */
export type EarlyData = "none" | "offered" | "accepted" | "rejected";

/** What is fixed once a connection is up. */
export interface ConnectionInfo {
  /** Chosen protocol; "" before the handshake is over. */
  readonly alpn: string;
  /** Server name the client asked for; "" when it sent none. */
  readonly serverName: string;
  /** Peer index of the current path. */
  readonly peer: number;
  readonly side: "client" | "server";
  /** A ticket of an earlier connection stood in for the certificate; false before the handshake is over. */
  readonly resumed: boolean;
  /** As server "none" before the handshake is over. */
  readonly earlyData: EarlyData;
}

/** Counters of one connection since its start. */
export interface ConnectionStats {
  /** Smoothed round trip (RFC 9002 section 5.3). */
  readonly rttMicros: number;
  /** Least round trip seen on the path, the peer's delay not counted. */
  readonly minRttMicros: number;
  /** Congestion window. */
  readonly cwndBytes: number;
  /** UDP payload that packets are built for, in bytes. */
  readonly mtu: number;
  readonly sentPackets: number;
  /** Given up as lost; probes of a larger packet size do not count. */
  readonly lostPackets: number;
  /** UDP datagrams. */
  readonly receivedPackets: number;
  /** UDP payload. */
  readonly sentBytes: number;
  /** UDP payload. */
  readonly receivedBytes: number;
  readonly lostBytes: number;
  /** Times the congestion window was cut for losses or ECN. */
  readonly congestionEvents: number;
  /** Times the path stopped passing packets of the size found, so that the size was taken back (RFC 8899 section 4.3). */
  readonly blackHoles: number;
  /** Our streams that sent something. */
  readonly openedStreams: number;
  /** The peer's streams. */
  readonly acceptedStreams: number;
  /** Streams that have bytes to send now. */
  readonly readyStreams: number;
  /** DATAGRAM frames (RFC 9221) that left. */
  readonly sentDatagrams: number;
  readonly receivedDatagrams: number;
  /** Datagrams of ours that never left: queue overflow, deadline, too large. */
  readonly droppedDatagrams: number;
  /** Datagrams that wait now. */
  readonly queuedDatagrams: number;
}
