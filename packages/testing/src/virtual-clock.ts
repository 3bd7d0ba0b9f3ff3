/**
 * Time that moves only when a test says so. Timers fire in the order of their deadlines, then of their arming, and
 * promises settle between two of them, so a run is the same every time.
 */

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** Let every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class VirtualClock {
  #now: number;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  /** @param startMs first value of `now()`, in milliseconds. Default 0. */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  /** Milliseconds; a field rather than a method, so that it can be handed on as `now`. */
  readonly now = (): number => this.#now;

  /** Timers armed and not yet fired: 0 shows that nothing was left behind. */
  get pending(): number {
    return this.#timers.size;
  }

  readonly schedule = (delayMs: number, run: () => void): { cancel(): void } => {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence++, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  };

  /** Moves time forward by `ms`, firing what falls due on the way and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.sequence < first.sequence)) first = timer;
    }
    return first;
  }
}
