/** Origins: the set of broadcasts that can be consumed somewhere, by namespace. */
import type { BroadcastConsumer } from "./broadcast.ts";
import type { TrackNamespace } from "./namespace.ts";

/** A broadcast's place in an origin. */
export interface Publication {
  readonly namespace: TrackNamespace;
  /** "active": consumers get it. "standby": a newer publisher of the same namespace is active. "withdrawn": it left. */
  readonly state: "active" | "standby" | "withdrawn";
  onState: ((state: "active" | "standby" | "withdrawn") => void) | undefined;
  /** Leaves the origin; tracks consumed already go on. */
  withdraw(): void;
}

export interface AnnouncedListener {
  added(namespace: TrackNamespace, broadcast: BroadcastConsumer): void;
  removed(namespace: TrackNamespace, broadcast: BroadcastConsumer): void;
}

export declare class Origin {
  /** Asked by `get` for a namespace that nobody published; the broadcast is kept, unannounced, until it ends. One slot. */
  onRequest: ((namespace: TrackNamespace) => BroadcastConsumer | undefined) | undefined;
  /**
   * Adds a broadcast and takes the consumer over. Newest wins: a publisher of the same namespace that was there before
   * goes to standby, the viewers it has through this origin are ended ("replaced"), and it is active again when the newer leaves.
   * @throws ModelError `namespace-invalid` for the empty namespace, `closed` for an ended broadcast.
   */
  publish(namespace: TrackNamespace, broadcast: BroadcastConsumer): Publication;
  /** The active broadcast, borrowed: make tracks through it, do not close it. */
  get(namespace: TrackNamespace): BroadcastConsumer | undefined;
  /** Tells of namespaces under a prefix: those there are before it returns, then changes. A replaced one is removed, then added. */
  announced(prefix: TrackNamespace, listener: AnnouncedListener): { stop(): void };
  /** Active publications. */
  get size(): number;
}
