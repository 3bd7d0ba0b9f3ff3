/**
 * The cache: one byte budget for all tracks of a process, and retention by age.
 *
 * Everything stored is charged before it is allocated, with an overhead per block, object, subgroup and group, so the
 * budget bounds real memory. V8 lets its heap grow to some four times what lives in it before it collects, so overheads
 * are charged at four to five times their measured size; the bytes themselves live in blocks that are used again. When room is short, whole groups leave in this order:
 *
 * 1. complete groups that are not the newest of their track, the longest complete first;
 * 2. other groups that are not the newest of their track, the longest overtaken first;
 * 3. the newest group (or else the kept datagrams) of the track that holds most bytes.
 *
 * A complete group is one without open subgroups. Age concerns the first kind only: a live track's newest group stays.
 */
import { BlockPool } from "./block-pool.ts";
import { ModelError } from "./errors.ts";
import type { Group } from "./group.ts";
import { GroupList } from "./group-list.ts";
import type { Track } from "./track.ts";

/** Runs `task` after `delayMs`; the returned handle takes it back. */
export type Schedule = (delayMs: number, task: () => void) => { cancel(): void };

export interface CacheOptions {
  /** Bytes that everything stored may take together, overhead included. Default 64 MiB. */
  readonly capacityBytes?: number | undefined;
  /**
   * Longest time a complete group that is not its track's newest stays readable, in milliseconds. Default 5000; 0 keeps
   * only newest groups. Memory grows with it times bitrate.
   */
  readonly retentionMs?: number | undefined;
  /** Monotonic clock, in milliseconds. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
  /** Timer on that clock. Default `setTimeout`, which does not keep a Node process alive. */
  readonly schedule?: Schedule | undefined;
}

/** Who holds charged bytes: a group, or a track's datagrams. */
export interface Holding {
  readonly track: Track;
  chargedBytes: number;
  /** Nothing may be charged to it any more. */
  readonly discarding: boolean;
}

export class Cache {
  readonly capacityBytes: number;
  /** What it keeps to for now, at most `capacityBytes`: less while the process is short of memory. Counts from the next bytes on. */
  limitBytes: number;
  readonly retentionMs: number;
  /** The clock given. */
  readonly now: () => number;
  /** The timer given. */
  readonly schedule: Schedule;
  /** Blocks of dropped groups, for reuse. They count against the capacity, and go before any group does. @internal */
  readonly pool: BlockPool;
  #usedBytes = 0;
  /** Charged since `onGrowth`'s last call, how much may be, and whom to call. */
  #grownBytes = 0;
  #growthBytes = Number.POSITIVE_INFINITY;
  #grown: (() => void) | undefined;
  #evictedGroups = 0;
  #expiredGroups = 0;
  /** Complete, not newest: one list per retention time, so each is in order of expiry. Few distinct times are in use. */
  readonly #complete = new Map<number, GroupList>();
  /** Not newest, but still open. */
  readonly #overtaken = new GroupList();
  /** Tracks that hold bytes. */
  readonly #tracks = new Set<Track>();
  #timer: { cancel(): void } | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** @throws ModelError `option-invalid`. */
  constructor(options: CacheOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? 64 * 1024 * 1024;
    this.limitBytes = this.capacityBytes;
    this.retentionMs = options.retentionMs ?? 5000;
    this.now = options.now ?? (() => performance.now());
    this.schedule = options.schedule ?? scheduleTimeout;
    if (!(this.capacityBytes >= 0)) {
      throw new ModelError("option-invalid", `capacityBytes is ${this.capacityBytes}; it must be 0 or more.`);
    }
    checkRetention(this.retentionMs);
    this.pool = new BlockPool(this.capacityBytes / 4);
  }

  /** Bytes charged now; never above `capacityBytes`. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Groups dropped because of the budget, since the start. */
  get evictedGroups(): number {
    return this.#evictedGroups;
  }

  /** Groups dropped because of their age, since the start. */
  get expiredGroups(): number {
    return this.#expiredGroups;
  }

  /**
   * Calls back whenever another `everyBytes` are about to be charged: who sets `limitBytes` by what the process takes need
   * not wait for a timer while a burst comes in. One at a time; Infinity ends it.
   */
  onGrowth(everyBytes: number, grown: () => void): void {
    this.#growthBytes = everyBytes;
    this.#grown = grown;
    this.#grownBytes = 0;
  }

  /**
   * Makes room and charges. False when the holding itself had to go, or when there is nothing left to evict.
   * @internal
   */
  charge(holding: Holding, bytes: number): boolean {
    this.#grownBytes += bytes;
    if (this.#grownBytes >= this.#growthBytes) {
      this.#grownBytes = 0;
      this.#grown?.();
    }
    const limit = Math.min(this.limitBytes, this.capacityBytes);
    while (this.#usedBytes + this.pool.bytes + bytes > limit) {
      if (this.pool.bytes > 0) this.pool.shrink(this.#usedBytes + this.pool.bytes + bytes - limit);
      else if (!this.#evict() || holding.discarding) return false;
    }
    if (holding.discarding) return false;
    this.#usedBytes += bytes;
    holding.chargedBytes += bytes;
    if (holding.track.chargedBytes === 0) this.#tracks.add(holding.track);
    holding.track.chargedBytes += bytes;
    return true;
  }

  /** Gives back bytes of a holding. @internal */
  release(holding: Holding, bytes: number): void {
    this.#usedBytes -= bytes;
    holding.chargedBytes -= bytes;
    holding.track.chargedBytes -= bytes;
    if (holding.track.chargedBytes === 0) this.#tracks.delete(holding.track);
  }

  /** The group is its track's newest: out of every order. @internal */
  keep(group: Group): void {
    group.list?.remove(group);
  }

  /** The group was overtaken, but is still written. @internal */
  overtaken(group: Group): void {
    if (group.list === this.#overtaken) return;
    group.list?.remove(group);
    this.#overtaken.push(group);
  }

  /** The group was overtaken and nothing of it is open: its age runs from now. @internal */
  complete(group: Group): void {
    if (group.list !== undefined && group.list !== this.#overtaken) return;
    group.list?.remove(group);
    const { retentionMs } = group.track;
    let list = this.#complete.get(retentionMs);
    if (list === undefined) {
      list = new GroupList();
      this.#complete.set(retentionMs, list);
    }
    group.completeAt = this.now();
    list.push(group);
    this.#arm(group.completeAt + retentionMs);
  }

  #evict(): boolean {
    const group = this.#oldestComplete() ?? this.#overtaken.first;
    if (group !== undefined) {
      this.#evictedGroups++;
      group.drop("evicted");
      return true;
    }
    let fattest: Track | undefined;
    for (const track of this.#tracks) {
      if (fattest === undefined || track.chargedBytes > fattest.chargedBytes) fattest = track;
    }
    if (fattest === undefined) return false;
    if (fattest.dropNewest("evicted")) this.#evictedGroups++;
    return true;
  }

  #oldestComplete(): Group | undefined {
    let oldest: Group | undefined;
    for (const list of this.#complete.values()) {
      const { first } = list;
      if (first !== undefined && (oldest === undefined || first.completeAt < oldest.completeAt)) oldest = first;
    }
    return oldest;
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.schedule(Math.max(0, at - this.now()), () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [retentionMs, list] of this.#complete) {
      for (let group = list.first; group !== undefined && group.completeAt + retentionMs <= now; group = list.first) {
        this.#expiredGroups++;
        group.drop("expired");
      }
      if (list.first === undefined) this.#complete.delete(retentionMs);
      else next = Math.min(next, list.first.completeAt + retentionMs);
    }
    this.#arm(next);
  }
}

/** @internal */
export function checkRetention(retentionMs: number): void {
  if (!(retentionMs >= 0)) {
    throw new ModelError("option-invalid", `retentionMs is ${retentionMs}; it must be 0 or more, or Infinity.`);
  }
}

/** Longest delay `setTimeout` takes; a timer that fires early finds nothing due and arms again. */
const maxTimeoutMs = 2 ** 31 - 1;

function scheduleTimeout(delayMs: number, task: () => void): { cancel(): void } {
  // A number in browsers, an object in Node, where a cache alone must not keep the process alive.
  const timer: unknown = setTimeout(task, Math.min(Math.ceil(delayMs), maxTimeoutMs));
  if (typeof timer === "object" && timer !== null && "unref" in timer) (timer as { unref(): void }).unref();
  return { cancel: () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]) };
}
