/** One session of the relay: from SETUP to its end, joined to the origin in both directions. */
import { type Cache, ModelError, type Origin, type Publication, TrackNamespace } from "@moqingbird/model";
import {
  type AnnounceRefusal,
  accept,
  type Budget,
  type Connection,
  type Session,
  type SessionEnd,
  type Timers,
} from "@moqingbird/session";
import { directoryNamespace } from "./directory.ts";
import type { RelayLogger } from "./log.ts";
import { MessageLog } from "./message-log.ts";

export interface PeerOptions {
  readonly origin: Origin;
  readonly cache: Cache;
  readonly budget: Budget;
  /** Already carries the session's id and address. */
  readonly log: RelayLogger;
  readonly timers?: Timers | undefined;
  /** Undefined on raw QUIC. */
  readonly request?: PeerRequest | undefined;
}

/** The HTTP request that a session began with. */
export interface PeerRequest {
  readonly transport: "webtransport" | "websocket";
  /** Path and query. */
  readonly path: string;
}

/** Counters of a connection that go into the line of its end. */
const loggedStats = [
  "rttMicros",
  "minRttMicros",
  "cwndBytes",
  "mtu",
  "sentPackets",
  "lostPackets",
  "receivedPackets",
  "sentBytes",
  "receivedBytes",
  "congestionEvents",
  "openedStreams",
  "acceptedStreams",
  "sentDatagrams",
  "receivedDatagrams",
  "droppedDatagrams",
] as const;
type LoggedStat = (typeof loggedStats)[number];

/** A connection as a session wants it, and what the log wants to know of it. */
export interface PeerConnection extends Connection {
  readonly remoteAddress: { readonly address: string; readonly port: number };
  stats?(): { readonly [Name in LoggedStat]?: number };
}

/** PUBLISH_NAMESPACE_ERROR code of a namespace that is the relay's own (moq-transport-14: UNAUTHORIZED). */
const unauthorized = 0x1;

export class Peer {
  /** Resolves when the session is over and nothing of it is left in the origin. */
  readonly over: Promise<void>;
  readonly #connection: PeerConnection;
  readonly #options: PeerOptions;
  /** What this peer publishes, by namespace key. */
  readonly #publications = new Map<string, Publication>();
  #session: Session | undefined;

  constructor(connection: PeerConnection, options: PeerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.over = this.#run();
  }

  close(reason: string): void {
    if (this.#session !== undefined) void this.#session.close({ reason });
    else this.#connection.close({ code: 0, reason });
  }

  async #run(): Promise<void> {
    const { cache, budget, log, timers, request } = this.#options;
    const openedAt = performance.now();
    try {
      const messages = new MessageLog(log);
      const session = await accept(this.#connection, {
        cache,
        budget,
        ...(timers !== undefined && { timers }),
        ...(request !== undefined && { requestPath: request.path }),
        onMessage: messages.message,
        onPublishNamespace: refuseOwn,
      });
      this.#session = session;
      this.#join(session);
      this.#closed(await session.closed, performance.now() - openedAt);
    } catch (error) {
      const { by } = await this.#connection.closed;
      log.warn({ event: "session-refused", by, reason: error instanceof Error ? error.message : String(error) });
    } finally {
      for (const publication of this.#publications.values()) publication.withdraw();
    }
  }

  /** What the peer publishes goes into the origin; what the origin has is served to the peer. */
  #join(session: Session): void {
    const { origin, log, request } = this.#options;
    const { implementation, path, profile } = session.peer;
    log.info({
      event: "session-open",
      version: session.version,
      transport: request?.transport ?? "quic",
      protocol: this.#connection.protocol,
      profile: profile.name,
      ...(implementation !== undefined && { implementation }),
      // The query may hold a token.
      ...(path !== undefined && { path: path.split("?")[0] }),
    });
    session.publishOrigin(origin);
    session.announced(TrackNamespace.of(), {
      added: (namespace, broadcast) => {
        try {
          this.#publications.set(namespace.key, origin.publish(namespace, broadcast));
        } catch (error) {
          if (!(error instanceof ModelError)) throw error;
          log.warn({ event: "namespace-refused", namespace: namespace.toString(), reason: error.message });
        }
      },
      removed: (namespace) => {
        this.#publications.get(namespace.key)?.withdraw();
        this.#publications.delete(namespace.key);
        log.info({ event: "namespace-gone", namespace: namespace.toString() });
      },
    });
  }

  #closed(end: SessionEnd, durationMs: number): void {
    const stats = this.#connection.stats?.();
    this.#options.log[end.clean ? "info" : "warn"]({
      event: "session-closed",
      by: end.by,
      code: end.code > 0xffffffffn ? end.code.toString() : Number(end.code),
      ...(end.name !== undefined && { name: end.name }),
      reason: end.reason,
      durationMs: Math.round(durationMs),
      ...(stats && Object.fromEntries(loggedStats.map((name) => [name, stats[name]]))),
    });
  }
}

/** The relay's own names are nobody else's. */
function refuseOwn(namespace: TrackNamespace): AnnounceRefusal | undefined {
  if (!namespace.startsWith(directoryNamespace)) return undefined;
  return { code: unauthorized, reason: `${directoryNamespace.toString()} is the relay's own.` };
}
