/** Time as a session uses it; injected, so that tests and simulations run on a clock of their own. */

/** A timer that was armed. */
export interface Timer {
  /** Takes it back; nothing happens when it fired already. */
  cancel(): void;
}

export interface Timers {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Runs `task` once, after `delayMs`. */
  schedule(delayMs: number, task: () => void): Timer;
}

/** What every JavaScript host has, and nothing of Node. */
interface Host {
  setTimeout(task: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
  readonly performance: { now(): number };
}
const host = globalThis as unknown as Host;

/** The host's own clock and timers: what a session uses unless told otherwise. A session's timers keep a process alive. */
export const hostTimers: Timers = {
  now: () => host.performance.now(),
  schedule(delayMs, task) {
    const handle = host.setTimeout(task, delayMs);
    return { cancel: () => host.clearTimeout(handle) };
  },
};
