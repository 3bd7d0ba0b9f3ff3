/** Subscriptions: what one subscriber gets of a track, from a start on. Delivery is by callbacks, synchronously as producers write. */
import type { Datagram } from "./datagram.ts";
import type { DropReason, Ending } from "./ending.ts";
import type { Location } from "./location.ts";
import type { SubgroupReader } from "./reader.ts";

/**
 * Where a subscription begins:
 * - "newest-group": object 0 of the largest group known, or everything of a track that has none yet (the default);
 * - "next-object": right after the largest object (the draft's "Largest Object" filter);
 * - "next-group": the group after the largest (the draft's "Next Group Start");
 * - a location: from there on, including what the cache still holds.
 */
export type SubscriptionStart = "newest-group" | "next-object" | "next-group" | Location;

/** Called synchronously; a listener that throws fails as an uncaught error of its own and disturbs nobody else. */
export interface SubscriptionListener {
  /** A subgroup inside the range: stored ones at once in group order, later ones as they are opened. Close the reader when done. */
  subgroup(reader: SubgroupReader): void;
  datagram?(datagram: Datagram): void;
  /** The cache dropped a group before its open readers had read all of it. Once per group; those readers say `dropped`. */
  dropped?(group: number, reason: DropReason): void;
  /** No further subgroup or datagram comes. Readers handed out before may be read to their end. At most once. */
  ended?(ending: Ending): void;
}

export interface SubscriptionOptions {
  /** Default "newest-group". */
  readonly start?: SubscriptionStart | undefined;
  /** Last group that is delivered, inclusive. Default: none. */
  readonly endGroup?: number | undefined;
  readonly listener: SubscriptionListener;
}

export interface TrackSubscription {
  /** The resolved start: objects below it are not delivered. */
  readonly start: Location;
  readonly endGroup: number | undefined;
  /** Stored bytes of open readers that were not read yet. */
  readonly backlogBytes: number;
  /** Set once it ended, or was closed. */
  readonly ending: Ending | undefined;
  /** Narrows or widens the range for subgroups that open from now on (SUBSCRIBE_UPDATE). Open readers outside it are left to the caller. */
  update(range: { readonly start?: Location | undefined; readonly endGroup?: number | undefined }): void;
  /** Leaves: closes its readers, calls nothing any more. */
  close(): void;
}
