/** Groups: a join point of a track; a set of subgroups (moq-transport-14, section "Groups"). */
import type { Holding } from "./cache.ts";
import type { DropReason } from "./ending.ts";
import { ModelError } from "./errors.ts";
import type { GroupList } from "./group-list.ts";
import { checkId, checkPriority } from "./location.ts";
import { ObjectStatus } from "./object.ts";
import type { Reader } from "./reader.ts";
import { call } from "./report.ts";
import { Subgroup, type SubgroupOptions, type SubgroupProducer, subgroupOverheadBytes } from "./subgroup.ts";
import type { Subscription } from "./subscription.ts";
import type { Track } from "./track.ts";

/** Writes one group. */
export interface GroupProducer {
  readonly id: number;
  /** No subgroup can be opened any more. */
  readonly finished: boolean;
  /** The cache dropped the group: what is written to it is thrown away. */
  readonly discarding: boolean;
  /**
   * Opens a subgroup. Several may be open at once. A closed one may be opened again under its id, as a publisher does
   * that resumes after a reset: readers get it as another subgroup reader.
   * @throws ModelError `subgroup-open`, `closed`, `option-invalid`.
   */
  subgroup(id: number, options?: SubgroupOptions): SubgroupProducer;
  /** Writes a whole object to subgroup 0, which is opened on first use. For groups of one stream. */
  writeObject(payload: Uint8Array): void;
  /** No further subgroup follows; finishes subgroup 0 if `writeObject` opened it. Others finish on their own. */
  finish(): void;
  /** Resets every open subgroup with a raw code. */
  reset(code: number, reason?: string): void;
}

/** Charged per group: this object, its lists and its entry in the track (for its share of the heap, see cache.ts). */
export const groupOverheadBytes = 1024;

/** An empty array of one's own would reserve room for seventeen on its first push. */
const none: Subgroup[] = [];

/** A group: unit of storage and of dropping. @internal */
export class Group implements GroupProducer, Holding {
  readonly track: Track;
  readonly id: number;
  chargedBytes = 0;
  /** Threads of the cache's list that the group stands in, if any. */
  list: GroupList | undefined;
  previous: Group | undefined;
  next: Group | undefined;
  /** When its age began, on the cache's clock. */
  completeAt = 0;
  #finished = false;
  #dropped = false;
  /** Stored subgroups, in the order they were opened. Empty once dropped. */
  #subgroups = none;
  #open: Map<number, Subgroup> | undefined;
  #plain: SubgroupProducer | undefined;
  #largestObject = -1;
  /** Ids from here on do not exist: an "end of group" object said so. */
  #end = Number.POSITIVE_INFINITY;

  constructor(track: Track, id: number) {
    this.track = track;
    this.id = id;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get discarding(): boolean {
    return this.#dropped;
  }

  get subgroups(): readonly Subgroup[] {
    return this.#subgroups;
  }

  /** Whether nothing can be added to what was opened so far: its producer finished it, or an object said where it ends. */
  get isBounded(): boolean {
    return this.#finished || this.#end < Number.POSITIVE_INFINITY;
  }

  /** Whether a subgroup is still written. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  subgroup(id: number, options?: SubgroupOptions): SubgroupProducer {
    checkId("The subgroup", id);
    if (options?.priority !== undefined) checkPriority(options.priority);
    if (this.#finished) throw new ModelError("closed", `Group ${this.id} is finished; no subgroup can be opened.`);
    this.track.checkLive();
    this.#open ??= new Map();
    if (this.#open.has(id)) {
      throw new ModelError("subgroup-open", `Group ${this.id} already has an open subgroup ${id}.`);
    }
    const subgroup = new Subgroup(this, id, options);
    this.#open.set(id, subgroup);
    if (this.#dropped) return subgroup;
    this.track.place(this);
    if (this.track.cache.charge(this, subgroupOverheadBytes)) {
      if (this.#subgroups === none) this.#subgroups = [subgroup];
      else this.#subgroups.push(subgroup);
      this.track.deliver(subgroup);
    }
    return subgroup;
  }

  writeObject(payload: Uint8Array): void {
    this.#plain ??= this.subgroup(0);
    this.#plain.writeObject(payload);
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    if (this.#plain?.state === "open") this.#plain.finish();
    for (const subgroup of this.#subgroups) subgroup.wake();
  }

  reset(code: number, reason?: string): void {
    this.resetOpen(code, reason);
  }

  resetOpen(code: number | undefined, reason: string | undefined): void {
    this.#finished = true;
    for (const subgroup of [...(this.#open?.values() ?? [])]) subgroup.resetWith(code, reason);
  }

  /** Checks an object about to begin against the ends announced so far. @throws ModelError `malformed-track`. */
  admit(object: number, status: ObjectStatus): void {
    const marksEnd = status === ObjectStatus.endOfGroup || status === ObjectStatus.endOfTrack;
    if (object > this.#end || (object === this.#end && !marksEnd) || (marksEnd && object <= this.#largestObject)) {
      throw new ModelError("malformed-track", `Object ${object} contradicts the end of group ${this.id}.`);
    }
    this.track.admit(this.id, object, status);
    if (marksEnd) this.#end = object;
    else this.#largestObject = Math.max(this.#largestObject, object);
  }

  subgroupClosed(subgroup: Subgroup): void {
    this.#open?.delete(subgroup.id);
    if (this.#open?.size !== 0) return;
    this.#open = undefined;
    this.track.place(this);
  }

  /**
   * Frees everything stored and cuts off the readers who miss some of it. The store is in order before anybody is told.
   * Producers that still write are not disturbed: what they write is discarded.
   */
  drop(reason: DropReason): void {
    if (this.#dropped) return;
    this.#dropped = true;
    const { cache } = this.track;
    cache.keep(this);
    cache.release(this, this.chargedBytes);
    const cut: Reader[] = [];
    for (const subgroup of this.#subgroups) {
      for (const reader of subgroup.drop(reason)) cut.push(reader);
    }
    this.#subgroups = none;
    this.track.place(this);
    const subscriptions = new Set<Subscription>();
    for (const reader of cut) {
      subscriptions.add(reader.subscription);
      call(reader.onProgress);
      reader.subscription.readerClosed(reader);
    }
    for (const subscription of subscriptions) subscription.groupDropped(this.id, reason);
  }
}
