/** The clock and the timers of the packet loop: monotonic, in microseconds. The only place of this package that reads one. */

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

/** A timer of the event loop. */
export interface LoopTimeout {
  /** It keeps the process alive (the default). */
  ref(): unknown;
  unref(): unknown;
}

/** How the loop gets its turns from the event loop. Injected by simulations. */
export interface LoopTimers {
  /**
   * Runs `task` after the I/O that is ready now. There will be nothing to do for it before `dueMicros`, unless something else
   * happens first: virtual time may skip the turns until then.
   */
  setImmediate(task: () => void, dueMicros: number): object;
  /** Runs `task` after at least `delayMs`, a whole number. */
  setTimeout(task: () => void, delayMs: number): LoopTimeout;
  clearTimeout(timeout: LoopTimeout): void;
}

/** Node's own. */
export const systemTimers: LoopTimers = {
  setImmediate: (task) => setImmediate(task),
  setTimeout: (task, delayMs) => setTimeout(task, delayMs),
  clearTimeout: (timeout) => clearTimeout(timeout as NodeJS.Timeout),
};
