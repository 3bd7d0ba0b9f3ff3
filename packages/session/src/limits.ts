/** Bounds on what one peer can make a session hold, and how long it may keep it waiting. Each has a default. */

export interface SessionLimits {
  /**
   * Requests the peer may have open at once: subscriptions, published namespaces, namespace subscriptions. MAX_REQUEST_ID
   * starts there and rises as requests end. Default 4096. A peer that cannot bear MAX_REQUEST_ID messages is given all
   * 32-bit ids in SETUP instead, and `maxSubscriptions` and `maxAnnouncements` bound it.
   */
  readonly maxOpenRequests: number;
  /** Tracks the peer may be subscribed to at once; further SUBSCRIBEs are refused. Default 4096. */
  readonly maxSubscriptions: number;
  /** Namespaces the peer may have published at once; further ones are refused. Default 4096. */
  readonly maxAnnouncements: number;
  /** Prefixes the peer may have asked for by SUBSCRIBE_NAMESPACE; further ones are refused. Default 256. */
  readonly maxNamespaceSubscriptions: number;
  /** Bytes of control messages that wait for the peer to read them; more closes the session. Default 1 MiB. */
  readonly maxQueuedControlBytes: number;
  /**
   * Control messages the peer may send at once before its pace counts, in bytes; each message counts 256 bytes more than it
   * has. Default 64 KiB, about 200 SUBSCRIBEs.
   */
  readonly controlBurstBytes: number;
  /** Pace of control messages after that, counted the same way; a faster peer waits. Default 512 KiB per second. */
  readonly controlBytesPerSecond: number;
  /** Own requests that wait for the peer's MAX_REQUEST_ID to rise. Default 1024. */
  readonly maxWaitingRequests: number;
  /**
   * Streams of one subscription that may be open towards the peer; when one more is needed, the streams of the oldest group
   * are given up (DELIVERY_TIMEOUT; nothing goes out for those not begun). Default 1024.
   */
  readonly maxStreamsPerSubscription: number;
  /**
   * Bytes held of data whose SUBSCRIBE_OK has not arrived, over the whole session, and 256 more for every chunk; more is
   * dropped. Default 1 MiB.
   */
  readonly maxEarlyBytes: number;
  /** Streams held for the same reason. Default 256. */
  readonly maxEarlyStreams: number;
  /** How long such data waits, in milliseconds. Default 2000. */
  readonly earlyDataMs: number;
  /** Track aliases of ended subscriptions that are remembered, so that late data is dropped at once. Default 256. */
  readonly maxTombstones: number;
  /** How long SETUP may take, in milliseconds. Default 10 000. */
  readonly setupTimeoutMs: number;
  /** How long the peer may take to answer a request, in milliseconds. Default 10 000. */
  readonly requestTimeoutMs: number;
  /**
   * After PUBLISH_DONE, how long streams may still appear that the stream count does not account for, in milliseconds.
   * Default 1000. Deployed publishers send a count of 0 whatever they opened.
   */
  readonly doneGraceMs: number;
  /** A datagram that could not leave within this many milliseconds is dropped. Default 1000. */
  readonly datagramDeadlineMs: number;
}

/** The default limits. */
export const defaultSessionLimits: SessionLimits = {
  maxOpenRequests: 4096,
  maxSubscriptions: 4096,
  maxAnnouncements: 4096,
  maxNamespaceSubscriptions: 256,
  maxQueuedControlBytes: 1024 * 1024,
  controlBurstBytes: 64 * 1024,
  controlBytesPerSecond: 512 * 1024,
  maxWaitingRequests: 1024,
  maxStreamsPerSubscription: 1024,
  maxEarlyBytes: 1024 * 1024,
  maxEarlyStreams: 256,
  earlyDataMs: 2000,
  maxTombstones: 256,
  setupTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  doneGraceMs: 1000,
  datagramDeadlineMs: 1000,
};
