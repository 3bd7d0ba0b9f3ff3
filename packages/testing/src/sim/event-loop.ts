/** Node's event loop on a timeline: what immediates and timers do there, with the grain they have there. */
import type { Planned, Timeline } from "./timeline.ts";

/** Timers of Node tick in whole milliseconds. */
const nodeTickMicros = 1000;
/** A turn of the event loop takes time: without any, a loop that waits by turning would wait for ever. */
const turnMicros = 1;

/** A timer; `ref` and `unref` mean nothing here. */
export interface SimTimeout {
  readonly planned: Planned;
  ref(): SimTimeout;
  unref(): SimTimeout;
}

interface Immediate {
  readonly task: () => void;
  planned: Planned;
}

/** Clock, immediates and timers of one simulated process. */
export class EventLoop {
  readonly #timeline: Timeline;
  readonly #wallMillis: number;
  readonly #start: number;
  /** Those that are not due at the next turn. */
  readonly #late = new Set<Immediate>();

  readonly #tickMicros: number;

  /** `wallMillis`: the wall clock at the start. `tickMicros`: the grain of timers; default 1000, Node's. */
  constructor(timeline: Timeline, wallMillis: number, { tickMicros = nodeTickMicros } = {}) {
    this.#timeline = timeline;
    this.#wallMillis = wallMillis;
    this.#start = timeline.now;
    this.#tickMicros = tickMicros;
  }

  readonly micros = (): number => this.#timeline.now;

  readonly wallMillis = (): number => this.#wallMillis + Math.floor((this.#timeline.now - this.#start) / 1000);

  /** Runs in the next turn, after the packets that have arrived by now; the turns until `dueMicros` are skipped. */
  readonly setImmediate = (task: () => void, dueMicros = 0): object => {
    const next = this.#timeline.now + turnMicros;
    const immediate: Immediate = {
      task,
      planned: this.#timeline.plan(Math.max(next, dueMicros), () => {
        this.#late.delete(immediate);
        task();
      }),
    };
    if (dueMicros > next) this.#late.add(immediate);
    return immediate;
  };

  /** Something happened in this process: no turn is skipped any more. */
  stir(): void {
    if (this.#late.size === 0) return;
    for (const immediate of this.#late) {
      immediate.planned.cancel();
      immediate.planned = this.#timeline.plan(this.#timeline.now + turnMicros, immediate.task);
    }
    this.#late.clear();
  }

  /** Runs at the first tick at which at least `delayMs` have passed: up to a millisecond late, as Node's timers are. */
  readonly setTimeout = (task: () => void, delayMs: number): SimTimeout => {
    const due = this.#timeline.now + Math.max(1, Math.floor(delayMs)) * 1000;
    const tick = this.#tickMicros;
    const planned = this.#timeline.plan(Math.ceil(due / tick) * tick, () => {
      this.stir();
      task();
    });
    const timeout: SimTimeout = { planned, ref: () => timeout, unref: () => timeout };
    return timeout;
  };

  readonly clearTimeout = (timeout: object): void => {
    (timeout as SimTimeout).planned.cancel();
  };

  /** Milliseconds of a monotonic clock: with `schedule`, the timers a session and a cache want. */
  readonly now = (): number => this.#timeline.now / 1000;

  readonly schedule = (delayMs: number, task: () => void): { cancel(): void } => {
    const { planned } = this.setTimeout(task, Math.ceil(delayMs));
    return { cancel: () => void planned.cancel() };
  };
}
