/**
 * Who goes first on a connection (moq-transport-14, section "Scheduling Algorithm"): control messages, then by subscriber
 * priority, publisher priority, group order, and subgroup or object id. Lower priority numbers go first.
 *
 * Groups of different tracks are compared by when they became known here, not by their ids: otherwise, at equal priority, a
 * track with high group numbers would starve one with low numbers (or the other way round). Within a track the two orders
 * agree, because `GroupClock` never lets a later group be older than an earlier one.
 */

import type { GroupOrder } from "@moqingbird/codec";
import type { SortKey } from "./transport.ts";

const dataClass = 1;

/** Unit of age in a key, in milliseconds: 32 bits of it last for two years of session. */
const ageUnitMs = 16;

/**
 * The key of a subgroup's stream, or of a datagram. `ageMs` is when the group became known, counted from the session's
 * start; `within` is the subgroup id, or the datagram's object id.
 */
export function dataSortKey(
  subscriberPriority: number,
  publisherPriority: number,
  order: GroupOrder,
  ageMs: number,
  group: number,
  within: number,
): SortKey {
  const age = Math.min(Math.max(0, Math.floor(ageMs / ageUnitMs)), 0xffff_ffff) >>> 0;
  // Ties of age: the low bits of the group id, which differ between neighbours.
  const low = (group % 0x1_0000) >>> 0;
  const ascending = order === "ascending";
  return [
    dataClass,
    ((subscriberPriority & 0xff) << 8) | (publisherPriority & 0xff),
    ascending ? age : ~age >>> 0,
    (((ascending ? low : 0xffff - low) << 16) | Math.min(within, 0xffff)) >>> 0,
  ];
}

/**
 * The place of a key among the `sendOrder`s of W3C streams, of which the highest goes first. A number holds class, priorities
 * and age; what differs in ids only is equal there.
 */
export function sendOrderOf([kind, priorities, age]: SortKey): number {
  return 0 - ((kind * 0x1_0000 + priorities) * 0x1_0000_0000 + age);
}

/** Gives each group of a subscription the time it counts from, in milliseconds, never falling with the group id. */
export class GroupClock {
  readonly #now: () => number;
  /** Groups with open streams, and their times. */
  readonly #times = new Map<number, { readonly at: number; streams: number }>();
  #newest = -1;
  #newestAt = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Groups with open streams. */
  get size(): number {
    return this.#times.size;
  }

  /** A stream of the group opens. */
  enter(group: number): number {
    const known = this.#times.get(group);
    if (known) {
      known.streams++;
      return known.at;
    }
    const at = this.timeOf(group);
    this.#times.set(group, { at, streams: 1 });
    return at;
  }

  /** The time a group counts from, without opening anything. */
  timeOf(group: number): number {
    const known = this.#times.get(group);
    if (known) return known.at;
    if (group > this.#newest) {
      this.#newest = group;
      this.#newestAt = this.#now();
      return this.#newestAt;
    }
    // A group that shows up late counts as old as the next one we hold.
    let at = this.#newestAt;
    for (const [id, time] of this.#times) if (id > group && time.at < at) at = time.at;
    return at;
  }

  /** A stream of the group ended. */
  leave(group: number): void {
    const known = this.#times.get(group);
    if (known && --known.streams === 0) this.#times.delete(group);
  }

  /** The lowest group with open streams. */
  oldest(): number | undefined {
    let oldest: number | undefined;
    for (const group of this.#times.keys()) if (oldest === undefined || group < oldest) oldest = group;
    return oldest;
  }
}
