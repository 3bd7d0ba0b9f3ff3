/** Origins: the set of broadcasts that can be consumed somewhere, by namespace. */
import type { BroadcastConsumer } from "./broadcast-consumer.ts";
import { ending } from "./ending.ts";
import { ModelError } from "./errors.ts";
import type { TrackNamespace } from "./namespace.ts";
import { reportUncaught } from "./report.ts";

export type PublicationState = "active" | "standby" | "withdrawn";

/** A broadcast's place in an origin. */
export interface Publication {
  readonly namespace: TrackNamespace;
  /** "active": consumers get it. "standby": a newer publisher of the same namespace is active. "withdrawn": it left. */
  readonly state: PublicationState;
  /** Called on each change. One slot. */
  onState: ((state: PublicationState) => void) | undefined;
  /** Leaves the origin and gives the consumer back; tracks consumed already go on. */
  withdraw(): void;
}

export interface AnnouncedListener {
  added(namespace: TrackNamespace, broadcast: BroadcastConsumer): void;
  removed(namespace: TrackNamespace, broadcast: BroadcastConsumer): void;
}

/**
 * Publishers of one namespace: **the newest wins**. A publisher that restarts finds its former self still listed until
 * that connection times out, and its group ids may begin again, so the two are never merged: the older goes to standby,
 * its viewers are ended ("replaced") and find the newer when they ask again. When the newer leaves first, the older is
 * active again.
 */
export class Origin {
  /** Asked by `get` for a namespace that nobody published; the broadcast is kept, unannounced, until it ends. One slot. */
  onRequest: ((namespace: TrackNamespace) => BroadcastConsumer | undefined) | undefined;
  /** Publishers by namespace, the active one last. */
  readonly #published = new Map<string, Entry[]>();
  readonly #requested = new Map<string, BroadcastConsumer>();
  readonly #watchers = new Set<Watcher>();

  /** Active publications. */
  get size(): number {
    return this.#published.size;
  }

  /**
   * Adds a broadcast and takes the consumer over, `onEnded` included; it is withdrawn when the broadcast ends.
   * @throws ModelError `namespace-invalid` for the empty namespace, `closed` for a broadcast that has ended.
   */
  publish(namespace: TrackNamespace, broadcast: BroadcastConsumer): Publication {
    if (namespace.length === 0) {
      throw new ModelError("namespace-invalid", "A broadcast needs a namespace of at least one field.");
    }
    if (broadcast.ending !== undefined) {
      throw new ModelError("closed", `The broadcast has ended: ${broadcast.ending.reason}`);
    }
    const entry = new Entry(namespace, broadcast, () => this.#withdraw(entry));
    broadcast.onEnded = () => this.#withdraw(entry);
    const entries = this.#published.get(namespace.key);
    if (entries === undefined) {
      this.#published.set(namespace.key, [entry]);
      this.#added(entry);
      return entry;
    }
    const former = entries[entries.length - 1] as Entry;
    entries.push(entry);
    this.#removed(former);
    this.#added(entry);
    former.change("standby");
    former.broadcast.endTracks(ending("replaced"));
    return entry;
  }

  /** The active broadcast, or a requested one. Borrowed: make tracks through it, do not close it. */
  get(namespace: TrackNamespace): BroadcastConsumer | undefined {
    const active = this.#published.get(namespace.key)?.at(-1)?.broadcast ?? this.#requested.get(namespace.key);
    if (active !== undefined) return active;
    const broadcast = this.onRequest?.(namespace);
    if (broadcast === undefined || broadcast.ending !== undefined) return undefined;
    this.#requested.set(namespace.key, broadcast);
    broadcast.onEnded = () => this.#requested.delete(namespace.key);
    return broadcast;
  }

  /**
   * Tells of the namespaces under a prefix: those there are before it returns, changes afterwards. A replaced broadcast
   * is removed and the new one added, in this order.
   */
  announced(prefix: TrackNamespace, listener: AnnouncedListener): { stop(): void } {
    const watcher = new Watcher(prefix, listener);
    this.#watchers.add(watcher);
    for (const key of [...this.#published.keys()]) {
      const entry = this.#published.get(key)?.at(-1);
      if (entry !== undefined) watcher.added(entry);
    }
    return {
      stop: () => {
        watcher.stopped = true;
        this.#watchers.delete(watcher);
      },
    };
  }

  #withdraw(entry: Entry): void {
    const { key } = entry.namespace;
    const entries = this.#published.get(key);
    const index = entries?.indexOf(entry) ?? -1;
    if (entries === undefined || index < 0) return;
    const wasActive = index === entries.length - 1;
    entries.splice(index, 1);
    const next = entries.at(-1);
    if (next === undefined) this.#published.delete(key);
    if (wasActive) {
      this.#removed(entry);
      if (next !== undefined && this.#published.get(key)?.at(-1) === next) {
        next.change("active");
        this.#added(next);
      }
    }
    entry.change("withdrawn");
    entry.broadcast.close();
  }

  #added(entry: Entry): void {
    for (const watcher of [...this.#watchers]) watcher.added(entry);
  }

  #removed(entry: Entry): void {
    for (const watcher of [...this.#watchers]) watcher.removed(entry);
  }
}

class Entry implements Publication {
  readonly namespace: TrackNamespace;
  readonly broadcast: BroadcastConsumer;
  onState: ((state: PublicationState) => void) | undefined;
  readonly #withdraw: () => void;
  #state: PublicationState = "active";

  constructor(namespace: TrackNamespace, broadcast: BroadcastConsumer, withdraw: () => void) {
    this.namespace = namespace;
    this.broadcast = broadcast;
    this.#withdraw = withdraw;
  }

  get state(): PublicationState {
    return this.#state;
  }

  withdraw(): void {
    this.#withdraw();
  }

  change(state: PublicationState): void {
    if (this.#state === state) return;
    this.#state = state;
    try {
      this.onState?.(state);
    } catch (error) {
      reportUncaught(error);
    }
  }
}

/** A listener and what it was told, so that it never hears of a removal, or an addition, twice. */
class Watcher {
  stopped = false;
  readonly #prefix: TrackNamespace;
  readonly #listener: AnnouncedListener;
  readonly #told = new Map<string, Entry>();

  constructor(prefix: TrackNamespace, listener: AnnouncedListener) {
    this.#prefix = prefix;
    this.#listener = listener;
  }

  added(entry: Entry): void {
    const { namespace } = entry;
    if (this.stopped || !namespace.startsWith(this.#prefix) || this.#told.get(namespace.key) === entry) return;
    this.#told.set(namespace.key, entry);
    try {
      this.#listener.added(namespace, entry.broadcast);
    } catch (error) {
      reportUncaught(error);
    }
  }

  removed(entry: Entry): void {
    const { namespace } = entry;
    if (this.stopped || this.#told.get(namespace.key) !== entry) return;
    this.#told.delete(namespace.key);
    try {
      this.#listener.removed(namespace, entry.broadcast);
    } catch (error) {
      reportUncaught(error);
    }
  }
}
