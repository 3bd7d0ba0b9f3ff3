/**
 * Track aliases: how data finds its subscription (moq-transport-14, sections "Track Alias" and "Subgroup Header").
 *
 * Data can overtake the SUBSCRIBE_OK that names its alias, and can trail the end of its subscription. The first waits a
 * bounded time in bounded room; the second is recognised by a tombstone and dropped at once.
 */

import type { Account } from "./budget.ts";
import { closeCode } from "./codes.ts";
import { Violation } from "./errors.ts";
import type { SessionLimits } from "./limits.ts";
import type { Timer, Timers } from "./timers.ts";

/** Data that came before its SUBSCRIBE_OK. */
export interface EarlyData<Owner> {
  /** Bytes held now. */
  readonly heldBytes: number;
  /** The subscription is there. */
  release(owner: Owner): void;
  /** It did not come in time, or there is no room. */
  drop(): void;
}

interface Waiting<Owner> {
  readonly entries: Set<EarlyData<Owner>>;
  readonly timer: Timer;
}

export class Aliases<Owner> {
  readonly #timers: Timers;
  readonly #limits: SessionLimits;
  readonly #account: Account;
  readonly #active = new Map<number, Owner>();
  readonly #tombstones = new Set<number>();
  readonly #waiting = new Map<number, Waiting<Owner>>();
  #heldBytes = 0;
  #heldCount = 0;
  /** Streams and datagrams that were dropped because nobody claimed them, since the start. */
  dropped = 0;

  constructor(timers: Timers, limits: SessionLimits, account: Account) {
    this.#timers = timers;
    this.#limits = limits;
    this.#account = account;
  }

  /** Aliases in use, remembered, and waited for. */
  get size(): number {
    return this.#active.size + this.#tombstones.size + this.#waiting.size;
  }

  /** Bytes that wait for a subscription. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  find(alias: number): Owner | undefined {
    return this.#active.get(alias);
  }

  /** The alias belonged to a subscription that is over. */
  isBuried(alias: number): boolean {
    return this.#tombstones.has(alias);
  }

  /**
   * A subscription has its alias; data that waited for it is handed over.
   * @throws Violation when the alias is in use: "MUST close the session with error DUPLICATE_TRACK_ALIAS".
   */
  add(alias: number, owner: Owner): void {
    if (this.#active.has(alias)) {
      throw new Violation(closeCode.duplicateTrackAlias, `Track alias ${alias} names another track already.`);
    }
    this.#tombstones.delete(alias);
    this.#active.set(alias, owner);
    for (const entry of this.#unwait(alias)) entry.release(owner);
  }

  /** A subscription is over: what still comes under its alias is dropped. */
  bury(alias: number, owner?: Owner): void {
    const active = this.#active.get(alias);
    if (active !== undefined && active !== owner) return;
    this.#active.delete(alias);
    this.#tombstones.add(alias);
    if (this.#tombstones.size > this.#limits.maxTombstones) {
      for (const oldest of this.#tombstones) {
        this.#tombstones.delete(oldest);
        break;
      }
    }
    for (const entry of this.#unwait(alias)) this.#drop(entry);
  }

  /** Holds data of an unknown alias; false when there is no room. Call `grow` before it holds more bytes. */
  hold(alias: number, entry: EarlyData<Owner>): boolean {
    if (
      this.#heldCount >= this.#limits.maxEarlyStreams ||
      this.#heldBytes + entry.heldBytes > this.#limits.maxEarlyBytes ||
      !this.#account.take(entry.heldBytes)
    ) {
      this.dropped++;
      return false;
    }
    let waiting = this.#waiting.get(alias);
    if (!waiting) {
      const timer = this.#timers.schedule(this.#limits.earlyDataMs, () => {
        for (const late of this.#unwait(alias)) this.#drop(late);
      });
      waiting = { entries: new Set(), timer };
      this.#waiting.set(alias, waiting);
    }
    waiting.entries.add(entry);
    this.#heldCount++;
    this.#heldBytes += entry.heldBytes;
    return true;
  }

  /** Held data is about to grow by so many bytes; false when that is too much: the entry is to be dropped. */
  grow(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#limits.maxEarlyBytes || !this.#account.take(bytes)) {
      this.dropped++;
      return false;
    }
    this.#heldBytes += bytes;
    return true;
  }

  /** Held data is over before anybody claimed it. */
  forget(alias: number, entry: EarlyData<Owner>): void {
    const waiting = this.#waiting.get(alias);
    if (!waiting?.entries.delete(entry)) return;
    this.#release(entry);
    if (waiting.entries.size === 0) {
      waiting.timer.cancel();
      this.#waiting.delete(alias);
    }
  }

  /** The session is over. */
  clear(): void {
    for (const alias of [...this.#waiting.keys()]) this.#unwait(alias);
    this.#active.clear();
    this.#tombstones.clear();
  }

  #drop(entry: EarlyData<Owner>): void {
    this.dropped++;
    entry.drop();
  }

  #unwait(alias: number): Iterable<EarlyData<Owner>> {
    const waiting = this.#waiting.get(alias);
    if (!waiting) return [];
    this.#waiting.delete(alias);
    waiting.timer.cancel();
    for (const entry of waiting.entries) {
      this.#release(entry);
    }
    return waiting.entries;
  }

  #release(entry: EarlyData<Owner>): void {
    this.#heldCount--;
    this.#heldBytes -= entry.heldBytes;
    this.#account.give(entry.heldBytes);
  }
}
