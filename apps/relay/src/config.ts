/** What a relay is told when it starts. */
import type { CertificateSource, ObservingOptions, ServerCertificates } from "@moqingbird/transport";
import type { RelayLogger } from "./log.ts";

export interface RelayConfig extends ObservingOptions {
  /** IP literal to bind. Default: all addresses, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** UDP port. Default 4443; 0 lets the system choose, see `relay.address`. */
  readonly port?: number | undefined;
  /** One, several by the name a client asks for, or a source that changes them while the relay runs. */
  readonly certificate: ServerCertificates | CertificateSource;
  /**
   * The TCP port of the same number: sessions over WebSocket for clients without QUIC, and HTTPS and HTTP with what HTTP/3
   * answers too: `/health`, and `/certificate.sha256` for clients that pin the certificate. Default true.
   */
  readonly tcp?: boolean | undefined;
  /** Folder of files that HTTP serves, a page to watch with for example. Default: none. */
  readonly pages?: string | undefined;
  /** Bytes that the groups of all broadcasts may take, overhead included. Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  /**
   * Bytes that all sessions together may hold beside that: names, requests, open streams, what waits. Estimates above the
   * real size; 32 KiB of each session do not count. A session may hold as much as is still free. Default 24 MiB.
   */
  readonly sessionBytes?: number | undefined;
  /**
   * Resident memory this process is to stay under, in bytes: the cache makes room as it comes near. For a process that is
   * the relay's own. Default: not watched; `moqb relay` sets 300 MB.
   */
  readonly processBytes?: number | undefined;
  /**
   * Memory of the engine, in bytes, 16 MiB to 256 MiB: what sessions' windows take. It is the thread's, so that another
   * listener there shares it. What happens as it fills is told by transport's `MemoryStats`. Default: as it is, 256 MiB
   * where nobody set it; `moqb relay` sets 64 MiB.
   */
  readonly engineBytes?: number | undefined;
  /** How long a finished group that is not its track's newest stays readable, in milliseconds. Default 5000. */
  readonly retentionMs?: number | undefined;
  /** Sessions at a time; further connections are refused. Default 1000. */
  readonly maxSessions?: number | undefined;
  /**
   * Connections of one IPv4 address or IPv6 /64; further ones from there are refused. Default: a quarter of `maxSessions`,
   * at least 16; for this host's loopback addresses all.
   */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * Pages that may connect, by their origins as browsers send them ("https://example.com"); others get status 403.
   * Programs, which send no origin, may always. Default: all pages.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * Reverse proxies ("10.0.0.1", "10.0.0.0/8") before the TCP port: the client's address is what their X-Forwarded-For
   * says. Nobody else's is believed. Default: none.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Silence after which a session is over, in milliseconds. Default 10 000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Default: JSON lines on standard error, level "info". */
  readonly log?: RelayLogger | undefined;
}

export const relayDefaults = {
  port: 4443,
  cacheBytes: 64 * 1024 * 1024,
  sessionBytes: 24 * 1024 * 1024,
  retentionMs: 5000,
  maxSessions: 1000,
  idleTimeoutMs: 10_000,
} as const;

/**
 * Bytes one peer may make the engine hold, smaller than the transport's own: the engine's memory is everybody's, and a
 * peer that stops acknowledging keeps its send window until it times out. Good for 160 Mbit/s from a publisher and 80 to
 * each subscriber at a round trip of 50 ms.
 */
export const relayWindows = {
  streamReceiveWindow: 512 * 1024,
  connectionReceiveWindow: 1024 * 1024,
  sendWindow: 512 * 1024,
} as const;
