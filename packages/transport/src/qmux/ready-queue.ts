/** Streams that want to send, the lowest sort key first; those of equal keys take turns. A binary heap. */
import type { SortKey } from "../streams.ts";

/** What the queue holds and keeps its own notes on. */
export interface Ready {
  key: SortKey;
  /** Place in the heap; -1 outside. */
  heapIndex: number;
  /** Among equal keys, the lower goes first. */
  turn: number;
}

/** Negative if `a` leaves before `b`. */
export function compareKeys(a: SortKey, b: SortKey): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** The queue. Every operation takes logarithmic time. */
export class ReadyQueue<T extends Ready> {
  readonly #heap: T[] = [];
  #turns = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The next; undefined if there is none. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Puts an item in, or, if it is in, behind those of equal keys. */
  put(item: T): void {
    item.turn = this.#turns++;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#heap.length;
      this.#heap.push(item);
    }
    this.#settle(item);
  }

  /** The item's key has changed. */
  moved(item: T): void {
    if (item.heapIndex >= 0) this.#settle(item);
  }

  /** Takes an item out, if it is in. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#heap.pop() as T;
    if (last === item) return;
    this.#heap[index] = last;
    last.heapIndex = index;
    this.#settle(last);
  }

  #settle(item: T): void {
    this.#up(item);
    this.#down(item);
  }

  #up(item: T): void {
    for (;;) {
      const index = (item.heapIndex - 1) >> 1;
      const parent = this.#heap[index];
      if (item.heapIndex === 0 || parent === undefined || !before(item, parent)) return;
      this.#swap(item, parent);
    }
  }

  #down(item: T): void {
    for (;;) {
      const left = this.#heap[item.heapIndex * 2 + 1];
      const right = this.#heap[item.heapIndex * 2 + 2];
      if (left === undefined) return;
      const least = right !== undefined && before(right, left) ? right : left;
      if (!before(least, item)) return;
      this.#swap(item, least);
    }
  }

  #swap(a: T, b: T): void {
    const index = a.heapIndex;
    a.heapIndex = b.heapIndex;
    b.heapIndex = index;
    this.#heap[a.heapIndex] = a;
    this.#heap[b.heapIndex] = b;
  }
}

function before(a: Ready, b: Ready): boolean {
  return (compareKeys(a.key, b.key) || a.turn - b.turn) < 0;
}
