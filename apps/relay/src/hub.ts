/**
 * The middle of the relay: every session publishes into one origin and is served from it. One subscription upstream per
 * track, however many ask for it, and one copy of every group, are the model's doing. Knows no sockets.
 */
import { Cache, Origin } from "@moqingbird/model";
import { Budget, type Timers } from "@moqingbird/session";
import { relayDefaults } from "./config.ts";
import { Directory, directoryNamespace } from "./directory.ts";
import type { RelayLogger } from "./log.ts";
import { guardMemory } from "./memory-guard.ts";
import { Peer, type PeerConnection, type PeerRequest } from "./peer.ts";

export interface HubOptions {
  readonly log: RelayLogger;
  readonly cacheBytes?: number | undefined;
  readonly sessionBytes?: number | undefined;
  readonly retentionMs?: number | undefined;
  readonly processBytes?: number | undefined;
  /** Clock and timers of sessions and groups. Default: the host's. */
  readonly timers?: Timers | undefined;
}

export interface HubStats {
  readonly sessions: number;
  /** Broadcasts announced by publishers and not withdrawn. */
  readonly broadcasts: number;
  readonly cacheBytes: number;
  /** Held by sessions beside the cache. */
  readonly sessionBytes: number;
  /** Groups dropped for want of room, since the start. */
  readonly evictedGroups: number;
}

/** How often it is looked whether the cache had to drop groups, for the log. */
const watchMs = 1000;

export class Hub {
  readonly #log: RelayLogger;
  readonly #cache: Cache;
  readonly #budget: Budget;
  readonly #timers: Timers | undefined;
  readonly #origin = new Origin();
  readonly #directory: Directory;
  readonly #peers = new Set<Peer>();
  readonly #watch: NodeJS.Timeout;
  readonly #guard: { stop(): void } | undefined;
  #nextPeer = 1;
  #evictedGroups = 0;

  constructor({ log, cacheBytes, sessionBytes, retentionMs, processBytes, timers }: HubOptions) {
    this.#log = log;
    this.#timers = timers;
    this.#budget = new Budget({ capacityBytes: sessionBytes ?? relayDefaults.sessionBytes });
    this.#cache = new Cache({
      capacityBytes: cacheBytes ?? relayDefaults.cacheBytes,
      retentionMs: retentionMs ?? relayDefaults.retentionMs,
      ...(timers !== undefined && { now: () => timers.now(), schedule: (ms, task) => timers.schedule(ms, task) }),
    });
    this.#guard = processBytes === undefined ? undefined : guardMemory(this.#cache, processBytes);
    this.#directory = new Directory(this.#origin, this.#cache);
    this.#origin.onRequest = (namespace) =>
      namespace.equals(directoryNamespace) ? this.#directory.consume() : undefined;
    this.#watch = setInterval(() => this.#tellDrops(), watchMs).unref();
  }

  get stats(): HubStats {
    return {
      sessions: this.#peers.size,
      broadcasts: this.#origin.size,
      cacheBytes: this.#cache.usedBytes,
      sessionBytes: this.#budget.usedBytes,
      evictedGroups: this.#cache.evictedGroups,
    };
  }

  /** Lets a connection in whose handshake is done; `request` is what asked for it, except on raw QUIC. */
  join(connection: PeerConnection, request?: PeerRequest): void {
    const session = String(this.#nextPeer++);
    const { address, port } = connection.remoteAddress;
    const log = this.#log.child({ session, peer: `${address}:${port}` });
    const peer = new Peer(connection, {
      origin: this.#origin,
      cache: this.#cache,
      budget: this.#budget,
      log,
      timers: this.#timers,
      request,
    });
    this.#peers.add(peer);
    void peer.over.then(() => this.#peers.delete(peer));
  }

  /** Ends every session, telling each why. Resolves when all are over. */
  async close(reason: string): Promise<void> {
    clearInterval(this.#watch);
    this.#guard?.stop();
    this.#tellDrops();
    const over = [...this.#peers].map((peer) => {
      peer.close(reason);
      return peer.over;
    });
    await Promise.all(over);
    this.#directory.stop();
  }

  /** Groups that had to go before somebody read them are worth a line, not one each. */
  #tellDrops(): void {
    const { evictedGroups, usedBytes } = this.#cache;
    const groups = evictedGroups - this.#evictedGroups;
    if (groups === 0) return;
    this.#evictedGroups = evictedGroups;
    this.#log.warn({ event: "groups-dropped", groups, reason: "the cache is full", cacheBytes: usedBytes });
  }
}
