/**
 * The one clock of a simulation, in microseconds, and all that is going to happen on it, in the order of time and then of
 * arming. Nothing waits for real time: the clock jumps from event to event.
 */

/** Something that will happen. */
export interface Planned {
  readonly at: number;
  /** Takes it back; false when it has happened or was taken back already. */
  cancel(): boolean;
}

interface Entry {
  readonly at: number;
  readonly sequence: number;
  /** Undefined once it happened or was cancelled. */
  run: (() => void) | undefined;
  /** What runs may settle promises. */
  readonly settles: boolean;
}

/** Virtual time of the start: not 0, so that nothing takes it for "never". */
const startMicros = 1_000_000;

/** A binary heap of what will happen. */
export class Timeline {
  #now = startMicros;
  #sequence = 0;
  #heap: Entry[] = [];
  #failure: { readonly error: unknown } | undefined;

  /** Microseconds. */
  get now(): number {
    return this.#now;
  }

  /** Milliseconds since the start. */
  get elapsedMs(): number {
    return (this.#now - startMicros) / 1000;
  }

  /** Runs `run` at a moment, which is now at the earliest, and lets the promises it settles go on before the next event. */
  plan(at: number, run: () => void): Planned {
    return this.#plan(at, run, true);
  }

  /** The same for what certainly settles no promise: cheaper, for the packets. */
  planQuiet(at: number, run: () => void): Planned {
    return this.#plan(at, run, false);
  }

  #plan(at: number, run: () => void, settles: boolean): Planned {
    const entry: Entry = { at: Math.max(this.#now, Math.ceil(at)), sequence: this.#sequence++, run, settles };
    this.#push(entry);
    return {
      at: entry.at,
      cancel() {
        const waits = entry.run !== undefined;
        entry.run = undefined;
        return waits;
      },
    };
  }

  /** Ends the run with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /**
   * Lets time pass until `done` settles and answers what it did. Throws what `fail` was told, and an error when virtual time
   * passes the limit or nothing is left that could happen.
   */
  async until<T>(done: Promise<T>, limitMs: number, what = "the end"): Promise<T> {
    let settled = false;
    const outcome = done.finally(() => {
      settled = true;
    });
    outcome.catch(() => {}); // thrown below
    const limit = this.#now + limitMs * 1000;
    await drained();
    while (!settled) {
      const next = this.#pop();
      if (next === undefined) throw new Error(`Nothing is left to happen, and ${what} was not reached.`);
      if (next.at > limit) {
        this.#push(next);
        throw new Error(
          `${what[0]?.toUpperCase()}${what.slice(1)} was not reached within ${limitMs} ms of virtual time.`,
        );
      }
      this.#now = next.at;
      const { run } = next;
      next.run = undefined;
      run?.();
      if (next.settles) await drained();
      if (this.#failure !== undefined) throw this.#failure.error;
    }
    return outcome;
  }

  /** Lets so much time pass. */
  pass(ms: number): Promise<void> {
    const end = new Promise<void>((resolve) => this.plan(this.#now + ms * 1000, resolve));
    return this.until(end, ms + 1);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent] as Entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  /** The next that has not been cancelled. */
  #pop(): Entry | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      this.#takeFirst();
      if (first.run !== undefined) return first;
    }
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!before(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

/** Resolves when every promise that can settle has: Node runs immediates after all microtasks. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
