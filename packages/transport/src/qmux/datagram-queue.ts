/** Datagrams that wait to leave: few, the most urgent first, none for ever. */
import type { DatagramDropReason } from "../connection.ts";
import { DatagramRoom } from "../datagram-room.ts";
import { defaultSortKey, type SortKey } from "../streams.ts";
import { compareKeys } from "./ready-queue.ts";

/** Most that wait, in number and in bytes; the oldest give way. */
const maxDatagrams = 256;
const maxQueuedBytes = 262_144;

interface Waiting {
  readonly payload: Uint8Array;
  readonly key: SortKey;
  /** Milliseconds; Infinity for none. */
  readonly deadline: number;
}

/** The queue of one connection. `dropped` is told what will never leave. */
export class DatagramQueue {
  /** Who waits for others to leave. */
  readonly room = new DatagramRoom();
  readonly #dropped: (count: number, why: DatagramDropReason) => void;
  /** In the order they came. */
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(dropped: (count: number, why: DatagramDropReason) => void) {
    this.#dropped = dropped;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Queues a copy. */
  put(payload: Uint8Array, key: SortKey = defaultSortKey, deadline = Number.POSITIVE_INFINITY): void {
    this.#waiting.push({ payload: payload.slice(), key, deadline });
    this.#bytes += payload.length;
    let count = 0;
    while (this.#waiting.length > maxDatagrams || this.#bytes > maxQueuedBytes) {
      this.#bytes -= this.#waiting.shift()?.payload.length ?? 0;
      count++;
    }
    if (count > 0) this.#dropped(count, "queue-full");
  }

  /** The most urgent, the oldest of equals; it stays. Drops what came too late. */
  first(now: number): Waiting | undefined {
    const late = this.#waiting.filter(({ deadline }) => deadline < now).length;
    if (late > 0) {
      this.#waiting = this.#waiting.filter(({ deadline }) => deadline >= now);
      this.#bytes = this.#waiting.reduce((sum, { payload }) => sum + payload.length, 0);
      this.#dropped(late, "deadline");
      this.room.told(this.#waiting.length);
    }
    let first = this.#waiting[0];
    for (const one of this.#waiting) if (first && compareKeys(one.key, first.key) < 0) first = one;
    return first;
  }

  /** Takes one out. */
  take(one: Waiting): void {
    const index = this.#waiting.indexOf(one);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#bytes -= one.payload.length;
    this.room.told(this.#waiting.length);
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.room.over();
  }
}
