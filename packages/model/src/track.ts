/** Tracks: a sequence of groups, written by one producer, read by any number of consumers. */
import { type Cache, checkRetention } from "./cache.ts";
import { type DatagramOptions, DatagramRing } from "./datagram.ts";
import { type DropReason, type Ending, ending } from "./ending.ts";
import { ModelError } from "./errors.ts";
import { Group, type GroupProducer, groupOverheadBytes } from "./group.ts";
import { checkId, checkPriority, type Location } from "./location.ts";
import type { TrackName } from "./namespace.ts";
import { ObjectStatus } from "./object.ts";
import { call } from "./report.ts";
import type { Subgroup } from "./subgroup.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";

/** In which order groups go first when they compete; a preference for the sender, the model keeps all. */
export type GroupOrder = "ascending" | "descending";

export interface TrackOptions {
  /** Publisher priority of subgroups that name none, 0 (most urgent) to 255. Default 128. */
  readonly priority?: number | undefined;
  /** Default "ascending". */
  readonly order?: GroupOrder | undefined;
  /** Longest time a finished group that is not the newest stays readable, in milliseconds. Default: the cache's. `Infinity`: until the budget needs the room. */
  readonly retentionMs?: number | undefined;
  /**
   * Time an object is worth delivering after it began, in milliseconds (DELIVERY TIMEOUT): told to subscribers, and obeyed
   * by who sends to them. Default: as long as it is stored.
   */
  readonly deliveryTimeoutMs?: number | undefined;
  /**
   * Time an object may be served from a cache after it began, in milliseconds (MAX CACHE DURATION): told to subscribers, and
   * obeyed by who sends to them; groups are kept no longer. Default: no bound of its own.
   */
  readonly maxCacheDurationMs?: number | undefined;
  /** Datagrams kept for subscribers that join late. Default 64; 0 keeps none. */
  readonly maxDatagrams?: number | undefined;
  /** The largest location the publisher announced (SUBSCRIBE_OK), for a track that continues elsewhere. */
  readonly largest?: Location | undefined;
}

export interface TrackProducer {
  readonly name: TrackName;
  readonly priority: number;
  readonly order: GroupOrder;
  /** The largest location begun or announced. */
  readonly largest: Location | undefined;
  /** Open track consumers. */
  readonly subscribers: number;
  readonly used: boolean;
  /** Called when the first consumer comes (also after all had left), and when the last one left. One slot each, owned by the producer's owner. */
  onUsed: (() => void) | undefined;
  onUnused: (() => void) | undefined;
  /** Bytes of the slowest subscription's backlog. */
  readonly backlogBytes: number;
  readonly ending: Ending | undefined;

  /** The group of an id, created on first use; ids need not ascend. @throws ModelError `closed`, `option-invalid`, `malformed-track`. */
  group(id: number): GroupProducer;
  /** Opens the group after the largest. */
  appendGroup(): GroupProducer;
  /** Publishes an object as a datagram. @throws ModelError `closed`, `option-invalid`, `malformed-track`. */
  datagram(options: DatagramOptions): void;
  /** Resolves when no subscription has more than `maxBacklogBytes` unread, or the track ended: back-pressure for publishers of files. */
  drained(maxBacklogBytes: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Nothing new begins; subgroups that are open may still be written to their end. */
  finish(): void;
  /** Gives up: open subgroups are reset with the code, subscriptions end with it. */
  abort(wireCode: number, reason?: string): void;
}

const nothing = new Uint8Array(0);
const defaultPriority = 128;
const defaultMaxDatagrams = 64;

/** A track: its groups, its subscriptions, its demand. @internal */
export class Track implements TrackProducer {
  readonly name: TrackName;
  readonly cache: Cache;
  readonly priority: number;
  readonly order: GroupOrder;
  readonly retentionMs: number;
  readonly deliveryTimeoutMs: number | undefined;
  readonly maxCacheDurationMs: number | undefined;
  /** Bytes charged for all of its groups and datagrams. */
  chargedBytes = 0;
  onUsed: (() => void) | undefined;
  onUnused: (() => void) | undefined;
  /** The largest group that holds an ordinary object, or was announced; -1 before. It and those above never expire while the track lives. */
  newestGroup = -1;
  readonly #onEnded: (track: Track) => void;
  readonly #groups = new Map<number, Group>();
  /** Groups from the newest on; the cache's list holds the others. */
  #fresh: Group[] = [];
  readonly #datagrams: DatagramRing;
  readonly #subscriptions = new Set<Subscription>();
  #consumers = 0;
  #largestGroup = -1;
  #largestObject = -1;
  #highestGroup = -1;
  /** Where the track ends, once an "end of track" object said so. */
  #end: Location | undefined;
  #ending: Ending | undefined;
  /** A broadcast hands it out to new consumers. */
  #attached = true;
  #waiting: { readonly maxBacklogBytes: number; readonly resolve: () => void }[] = [];

  /** @param onEnded told once, so that a broadcast forgets a requested track. */
  constructor(name: TrackName, cache: Cache, options: TrackOptions, onEnded: (track: Track) => void) {
    this.name = name;
    this.cache = cache;
    this.priority = options.priority ?? defaultPriority;
    this.order = options.order ?? "ascending";
    this.deliveryTimeoutMs = options.deliveryTimeoutMs;
    this.maxCacheDurationMs = options.maxCacheDurationMs;
    const retentionMs = options.retentionMs ?? cache.retentionMs;
    this.retentionMs = Math.min(retentionMs, options.maxCacheDurationMs ?? retentionMs);
    this.#onEnded = onEnded;
    const maxDatagrams = options.maxDatagrams ?? defaultMaxDatagrams;
    checkPriority(this.priority);
    checkRetention(this.retentionMs);
    if (!(maxDatagrams >= 0 && Number.isInteger(maxDatagrams))) {
      throw new ModelError("option-invalid", `maxDatagrams is ${maxDatagrams}; it is an integer from 0.`);
    }
    this.#datagrams = new DatagramRing(this, maxDatagrams);
    if (options.largest !== undefined) {
      checkId("The largest group", options.largest.group);
      checkId("The largest object", options.largest.object);
      this.#largestGroup = options.largest.group;
      this.#largestObject = options.largest.object;
      this.#highestGroup = options.largest.group;
      this.newestGroup = options.largest.group;
    }
  }

  get largest(): Location | undefined {
    return this.#largestGroup < 0 ? undefined : { group: this.#largestGroup, object: this.#largestObject };
  }

  get subscribers(): number {
    return this.#consumers;
  }

  get used(): boolean {
    return this.#consumers > 0;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  get backlogBytes(): number {
    let most = 0;
    for (const subscription of this.#subscriptions) most = Math.max(most, subscription.backlogBytes);
    return most;
  }

  group(id: number): GroupProducer {
    checkId("The group", id);
    this.checkLive();
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    if (this.#end !== undefined && id > this.#end.group) {
      throw new ModelError("malformed-track", `Group ${id} lies behind the track's end in group ${this.#end.group}.`);
    }
    const group = new Group(this, id);
    this.#groups.set(id, group);
    this.#highestGroup = Math.max(this.#highestGroup, id);
    if (id >= this.newestGroup) this.#fresh.push(group);
    else this.place(group);
    this.cache.charge(group, groupOverheadBytes);
    return group;
  }

  appendGroup(): GroupProducer {
    return this.group(this.#highestGroup + 1);
  }

  datagram(options: DatagramOptions): void {
    this.checkLive();
    checkId("The group", options.group);
    checkId("The object", options.object);
    if (options.priority !== undefined) checkPriority(options.priority);
    const datagram = {
      group: options.group,
      object: options.object,
      priority: options.priority ?? this.priority,
      status: options.status ?? ObjectStatus.normal,
      endOfGroup: options.endOfGroup ?? false,
      extensions: options.extensions?.slice() ?? nothing,
      payload: options.payload?.slice() ?? nothing,
      receivedAtMs: this.cache.now(),
    };
    if (datagram.status !== ObjectStatus.normal && datagram.payload.length > 0) {
      throw new ModelError("option-invalid", `An object of status ${datagram.status} cannot have a payload.`);
    }
    this.admit(datagram.group, datagram.object, datagram.status);
    this.#highestGroup = Math.max(this.#highestGroup, datagram.group);
    this.#datagrams.push(datagram);
    for (const subscription of [...this.#subscriptions]) subscription.offerDatagram(datagram);
  }

  drained(maxBacklogBytes: number, options?: { readonly signal?: AbortSignal }): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#ending !== undefined || this.backlogBytes <= maxBacklogBytes) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiting = {
        maxBacklogBytes,
        resolve: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      const abort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  finish(): void {
    this.end(ending("finished"));
  }

  abort(wireCode: number, reason?: string): void {
    this.end(ending("aborted", reason, wireCode));
  }

  /** How a broadcast ends its tracks, too. Aborting resets what is open. */
  end(how: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = how;
    if (how.code !== "finished") {
      // Reset codes are another table than the codes of an end, so readers get none.
      for (const group of [...this.#groups.values()]) group.resetOpen(undefined, how.reason);
    }
    for (const subscription of [...this.#subscriptions]) subscription.end(how);
    this.backlogFell();
    this.#onEnded(this);
  }

  /** No new consumer will come: once it has ended, nothing is kept for late ones. */
  detach(): void {
    this.#attached = false;
    this.#settle();
  }

  consumerJoined(): void {
    this.#consumers++;
    if (this.#consumers === 1) call(this.onUsed);
  }

  consumerLeft(): void {
    this.#consumers--;
    if (this.#consumers === 0) call(this.onUnused);
    this.#settle();
  }

  /** @param siblings the consumer's other subscriptions. */
  subscribe(options: SubscriptionOptions, siblings: Set<Subscription>): Subscription {
    const subscription = new Subscription(this, options, siblings);
    this.#subscriptions.add(subscription);
    siblings.add(subscription);
    const stored = [...this.#groups.values()].filter((group) => group.id >= subscription.start.group);
    const oldest = this.cache.now() - (this.maxCacheDurationMs ?? Number.POSITIVE_INFINITY);
    const datagrams = this.#datagrams.items().filter(({ receivedAtMs }) => receivedAtMs >= oldest);
    for (const group of stored.sort((a, b) => a.id - b.id)) {
      for (const subgroup of [...group.subgroups]) subscription.offer(subgroup);
    }
    for (const datagram of datagrams) subscription.offerDatagram(datagram);
    if (this.#ending === undefined) subscription.checkRange();
    else subscription.end(this.#ending);
    return subscription;
  }

  subscriptionLeft(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    this.backlogFell();
  }

  deliver(subgroup: Subgroup): void {
    for (const subscription of [...this.#subscriptions]) subscription.offer(subgroup);
  }

  /** Checks an object about to begin against the track's announced end, and moves the largest location. */
  admit(group: number, object: number, status: ObjectStatus): void {
    const end = this.#end;
    if (
      end !== undefined &&
      (group > end.group ||
        (group === end.group && (object > end.object || (object === end.object && status !== ObjectStatus.endOfTrack))))
    ) {
      throw new ModelError(
        "malformed-track",
        `Object ${object} of group ${group} lies behind the track's end, object ${end.object} of group ${end.group}.`,
      );
    }
    if (status === ObjectStatus.endOfTrack) this.#end = { group, object };
    if (group > this.#largestGroup) {
      this.#largestGroup = group;
      this.#largestObject = object;
    } else if (group === this.#largestGroup && object > this.#largestObject) {
      this.#largestObject = object;
    }
    if (group > this.newestGroup && status === ObjectStatus.normal) this.#newest(group);
  }

  /** Puts a group where the cache finds it in eviction order; a dropped one is forgotten once nobody writes to it. */
  place(group: Group): void {
    const fresh = this.#keepsNewest && group.id >= this.newestGroup;
    if (group.discarding) {
      if (!fresh && !group.isOpen) this.#groups.delete(group.id);
    } else if (fresh) this.cache.keep(group);
    else if (group.isOpen) this.cache.overtaken(group);
    else this.cache.complete(group);
  }

  /** Drops its newest group, or else its datagrams. True if it was a group. */
  dropNewest(reason: DropReason): boolean {
    const group = this.#fresh.find((fresh) => !fresh.discarding && fresh.chargedBytes > 0);
    if (group === undefined) this.#datagrams.clear();
    else group.drop(reason);
    return group !== undefined;
  }

  backlogFell(): void {
    if (this.#waiting.length === 0) return;
    const backlogBytes = this.#ending === undefined ? this.backlogBytes : 0;
    const ready = this.#waiting.filter((waiting) => waiting.maxBacklogBytes >= backlogBytes);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.maxBacklogBytes < backlogBytes);
    for (const waiting of ready) waiting.resolve();
  }

  /** @throws ModelError `closed`. */
  checkLive(): void {
    if (this.#ending === undefined) return;
    throw new ModelError("closed", `Track ${this.name} has ended: ${this.#ending.reason}`, this.#ending.wireCode);
  }

  /** A live track keeps its newest group, and so does a finished one that its broadcast still hands out. */
  get #keepsNewest(): boolean {
    return this.#ending === undefined || this.#attached;
  }

  #newest(group: number): void {
    this.newestGroup = group;
    this.#placeFresh();
    for (const subscription of [...this.#subscriptions]) subscription.checkRange();
  }

  #placeFresh(): void {
    const before = this.#fresh;
    this.#fresh = this.#keepsNewest ? before.filter((group) => group.id >= this.newestGroup) : [];
    if (this.#fresh.length === before.length) return;
    for (const group of before) {
      if (!this.#keepsNewest || group.id < this.newestGroup) this.place(group);
    }
  }

  #settle(): void {
    if (this.#keepsNewest) return;
    this.#placeFresh();
    if (this.#consumers > 0) return;
    for (const group of [...this.#groups.values()]) group.drop("expired");
    this.#datagrams.clear();
  }
}
