/** The clock of the packet loop: monotonic, in microseconds. The only place of this package that reads one. */

/** What tells the loop and the engine the time. Injected in tests. */
export interface LoopClock {
  /** Monotonic microseconds, an integer. */
  micros(): number;
  /** Wall clock, milliseconds since 1970. */
  wallMillis(): number;
}

/** `performance.now()` and `Date.now()`. */
export const systemClock: LoopClock = {
  micros: () => Math.floor(performance.now() * 1000),
  wallMillis: () => Date.now(),
};
