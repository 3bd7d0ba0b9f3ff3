/** Subscriptions: what one subscriber gets of a track, from a start on. Delivery is by callbacks, synchronously as producers write. */
import type { Datagram } from "./datagram.ts";
import { type DropReason, type Ending, ending } from "./ending.ts";
import { checkId, type Location } from "./location.ts";
import { Reader, type SubgroupReader } from "./reader.ts";
import { reportUncaught } from "./report.ts";
import type { Subgroup } from "./subgroup.ts";
import type { Track } from "./track.ts";

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

/** One subscriber of a track. @internal */
export class Subscription implements TrackSubscription {
  readonly track: Track;
  backlogBytes = 0;
  readonly #listener: SubscriptionListener;
  readonly #readers = new Set<Reader>();
  readonly #siblings: Set<Subscription>;
  #start: Location;
  #endGroup: number | undefined;
  #ending: Ending | undefined;

  /** @param siblings the consumer's own set of subscriptions, left together with the track's. */
  constructor(track: Track, options: SubscriptionOptions, siblings: Set<Subscription>) {
    this.track = track;
    this.#listener = options.listener;
    this.#siblings = siblings;
    this.#start = resolveStart(track, options.start ?? "newest-group");
    this.#endGroup = checkEnd(options.endGroup);
  }

  get start(): Location {
    return this.#start;
  }

  get endGroup(): number | undefined {
    return this.#endGroup;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  update(range: { readonly start?: Location | undefined; readonly endGroup?: number | undefined }): void {
    if (range.start !== undefined) this.#start = checkLocation(range.start);
    if ("endGroup" in range) this.#endGroup = checkEnd(range.endGroup);
    this.checkRange();
  }

  close(): void {
    if (this.#ending === undefined) this.#ending = ending("closed");
    for (const reader of [...this.#readers]) reader.close();
    this.#leave();
  }

  /** A subgroup that is stored or was just opened. */
  offer(subgroup: Subgroup): void {
    if (this.#ending !== undefined || !this.#wantsGroup(subgroup.group)) return;
    const firstId = subgroup.group === this.#start.group ? this.#start.object : 0;
    const reader = new Reader(subgroup, this, firstId);
    this.#readers.add(reader);
    if (firstId > 0 && reader.done) {
      reader.close();
      return;
    }
    try {
      this.#listener.subgroup(reader);
    } catch (error) {
      reportUncaught(error);
    }
  }

  offerDatagram(datagram: Datagram): void {
    if (this.#ending !== undefined || !this.#wantsGroup(datagram.group)) return;
    if (datagram.group === this.#start.group && datagram.object < this.#start.object) return;
    try {
      this.#listener.datagram?.(datagram);
    } catch (error) {
      reportUncaught(error);
    }
  }

  backlogChanged(bytes: number): void {
    this.backlogBytes += bytes;
    if (bytes < 0) this.track.backlogFell();
  }

  readerClosed(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#ending === undefined) this.checkRange();
    else this.#leave();
  }

  groupDropped(group: number, reason: DropReason): void {
    if (this.#ending?.code === "closed") return;
    try {
      this.#listener.dropped?.(group, reason);
    } catch (error) {
      reportUncaught(error);
    }
  }

  /** Ends a bounded subscription once the track went past its last group and all of its readers were closed. */
  checkRange(): void {
    if (this.#ending !== undefined || this.#endGroup === undefined) return;
    if (this.track.newestGroup > this.#endGroup && this.#readers.size === 0) this.end(ending("range-complete"));
  }

  /** Nothing further is delivered; readers handed out go on. */
  end(how: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = how;
    try {
      this.#listener.ended?.(how);
    } catch (error) {
      reportUncaught(error);
    }
    this.#leave();
  }

  /** An ended subscription stays in the books while its readers may hold the publisher back. */
  #leave(): void {
    if (this.#readers.size > 0) return;
    this.#siblings.delete(this);
    this.track.subscriptionLeft(this);
  }

  #wantsGroup(group: number): boolean {
    return group >= this.#start.group && (this.#endGroup === undefined || group <= this.#endGroup);
  }
}

function resolveStart(track: Track, start: SubscriptionStart): Location {
  if (typeof start === "object") return checkLocation(start);
  const { largest } = track;
  switch (start) {
    case "newest-group":
      return { group: Math.max(track.newestGroup, 0), object: 0 };
    case "next-group":
      return { group: largest === undefined ? 0 : largest.group + 1, object: 0 };
    case "next-object":
      return largest === undefined ? { group: 0, object: 0 } : { group: largest.group, object: largest.object + 1 };
  }
}

function checkLocation(location: Location): Location {
  checkId("The start group", location.group);
  checkId("The start object", location.object);
  return { group: location.group, object: location.object };
}

function checkEnd(endGroup: number | undefined): number | undefined {
  if (endGroup !== undefined) checkId("The end group", endGroup);
  return endGroup;
}
