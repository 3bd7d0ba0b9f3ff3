/**
 * One MoQ session with one peer. Both roles are on: it publishes what it is given, and consumes what the peer has. This file
 * is what users see; the machine is `session-core.ts`.
 */

import type { AnnouncedListener, BroadcastConsumer, Origin, TrackConsumer, TrackNamespace } from "@moqingbird/model";
import type { Announcements } from "./discovery.ts";
import { SessionError } from "./errors.ts";
import type {
  CloseOptions,
  DrainOptions,
  SessionEnd,
  SessionFeatures,
  SessionOptions,
  SessionState,
  SessionStats,
} from "./options.ts";
import type { Publication } from "./publication.ts";
import type { OriginOptions } from "./publisher.ts";
import { SessionCore } from "./session-core.ts";
import type { PeerInfo } from "./setup.ts";
import type { SubscribeOptions } from "./subscription.ts";
import type { Connection } from "./transport.ts";

/**
 * Speaks SETUP as the client of a connection.
 * @throws SessionError `protocol-unknown`, `no-common-version`, `setup-timeout`, `setup-refused`, `peer-violation`,
 * `option-invalid`. The connection is then closed.
 */
export function connect(connection: Connection, options: SessionOptions = {}): Promise<Session> {
  return Session.open(connection, "client", options);
}

/** Speaks SETUP as the server of a connection. Errors are those of `connect`. */
export function accept(connection: Connection, options: SessionOptions = {}): Promise<Session> {
  return Session.open(connection, "server", options);
}

export class Session {
  readonly #core: SessionCore;

  private constructor(core: SessionCore) {
    this.#core = core;
  }

  /** What `connect` and `accept` do. */
  static async open(connection: Connection, side: "client" | "server", options: SessionOptions): Promise<Session> {
    if (connection.side !== side) {
      const reason = `the connection is a ${connection.side}'s; use ${side === "client" ? "accept" : "connect"} on it.`;
      throw new SessionError("option-invalid", { reason });
    }
    let core: SessionCore;
    try {
      core = new SessionCore(connection, options);
    } catch (error) {
      if (error instanceof SessionError) connection.close({ code: 0, reason: error.message });
      throw error;
    }
    core.begin();
    await core.ready;
    return new Session(core);
  }

  /** The negotiated version, for example `moq-transport-14`. */
  get version(): string {
    return this.#core.version;
  }

  /** What can be asked of this session. */
  get features(): SessionFeatures {
    return {
      datagrams: this.#core.connection.maxDatagramSize > 0,
      fetch: false,
      trackStatus: false,
      publishTrack: false,
      goaway: this.#core.profile.goaway,
    };
  }

  get side(): "client" | "server" {
    return this.#core.side;
  }

  /** What the peer told about itself in SETUP. */
  get peer(): PeerInfo {
    return this.#core.peer as PeerInfo;
  }

  get state(): SessionState {
    return this.#core.state;
  }

  /** Called on every change of state. One slot; replaces the one of the options. */
  get onState(): ((state: SessionState) => void) | undefined {
    return this.#core.onState;
  }

  set onState(listener: ((state: SessionState) => void) | undefined) {
    this.#core.onState = listener;
  }

  /** Resolves once, when the session is over and its connection closed. Never rejects. */
  get closed(): Promise<SessionEnd> {
    return this.#core.closed;
  }

  /** Resolves when the peer sent GOAWAY. Requests of ours are refused from then on; what runs goes on. */
  get goingAway(): Promise<{ readonly newSessionUri: string }> {
    return this.#core.goingAway;
  }

  /** Sizes of the tables, for metrics and tests. */
  get stats(): SessionStats {
    const { publisher, subscriber, discovery, requests, incoming, over, queuedControlBytes } = this.#core;
    return {
      servedSubscriptions: publisher.subscriptions,
      publications: publisher.announcements,
      peerPrefixes: publisher.prefixes,
      subscriptions: subscriber.subscriptions,
      announcements: discovery.size,
      prefixes: discovery.prefixes,
      incomingStreams: subscriber.streams,
      trackAliases: subscriber.aliases,
      earlyBytes: subscriber.heldBytes,
      pendingRequests: requests.size,
      openRequests: over ? 0 : incoming.open,
      queuedControlBytes: over ? 0 : queuedControlBytes,
    };
  }

  /**
   * Announces a namespace to the peer, asked for or not, and serves its tracks. Takes the consumer over: when the broadcast
   * ends, the namespace is withdrawn.
   * @throws SessionError `namespace-in-use`, `namespace-empty`, `broadcast-ended`, `going-away`, `session-closed`.
   */
  publish(namespace: TrackNamespace, broadcast: BroadcastConsumer): Publication {
    return this.#core.publisher.publish(namespace, broadcast);
  }

  /**
   * Serves everything in an origin: every broadcast the peer subscribes to, and announcements of those it asked for. One
   * origin per session; a second call replaces the first. What `publish` was given comes first.
   */
  publishOrigin(origin: Origin, options: OriginOptions = {}): { stop(): void } {
    return this.#core.publisher.publishOrigin(origin, options);
  }

  /**
   * Listens to the peer's namespaces under a prefix: those it has announced already before this returns, then changes. Asks
   * for them (SUBSCRIBE_NAMESPACE) unless the prefix is empty, which hears only what the peer announces unasked. Each
   * consumer that `added` is given belongs to the listener: close it, or hand it to an origin.
   */
  announced(prefix: TrackNamespace, listener: AnnouncedListener): Announcements {
    return this.#core.discovery.announced(prefix, listener);
  }

  /** Takes back the acceptance of a namespace the peer announced (PUBLISH_NAMESPACE_CANCEL); false when it did not. */
  cancelAnnouncement(namespace: TrackNamespace, code: number, reason: string): boolean {
    return this.#core.discovery.cancel(namespace, code, reason);
  }

  /**
   * A namespace of the peer's as a broadcast, announced or not. Its tracks are subscribed to when somebody wants them, once
   * however many do, and unsubscribed from when the last reader left.
   * @throws SessionError `namespace-empty`.
   */
  consume(namespace: TrackNamespace): BroadcastConsumer {
    return this.#core.subscriber.broadcast(namespace).consume();
  }

  /**
   * Subscribes to a track by its full name, announced or not. Trouble shows as the consumer's state `rejected` and as the
   * rejection of its `ready`. If the track is read here already, that subscription is shared and the options do not count.
   */
  subscribe(namespace: TrackNamespace, track: string | Uint8Array, options: SubscribeOptions = {}): TrackConsumer {
    return this.#core.subscriber.subscribe(namespace, track, options);
  }

  /** @throws SessionError `not-supported`, always: see `features`. */
  fetch(): Promise<never> {
    return Promise.reject(new SessionError("not-supported", { request: "FETCH" }));
  }

  /** @throws SessionError `not-supported`, always: see `features`. */
  trackStatus(): Promise<never> {
    return Promise.reject(new SessionError("not-supported", { request: "TRACK_STATUS" }));
  }

  /**
   * Ends gracefully: GOAWAY (to a peer that bears it), nothing new in either direction, what runs may finish until the time
   * is up; subscriptions that are left then end with PUBLISH_DONE GOING_AWAY. Resolves when the session is closed.
   * @throws SessionError `option-invalid` for a URI above 8192 bytes.
   */
  drain(options: DrainOptions = {}): Promise<SessionEnd> {
    this.#core.drain(options);
    return this.#core.closed;
  }

  /** Ends at once. Resolves when the connection is closed. */
  close(options: CloseOptions = {}): Promise<SessionEnd> {
    this.#core.close(options.code ?? 0, options.reason ?? "");
    return this.#core.closed;
  }
}
