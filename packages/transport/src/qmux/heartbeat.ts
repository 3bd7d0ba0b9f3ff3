/** Notices a peer that has gone: asks it every few seconds, and gives up when nothing came for long enough. */
import type { CarrierTimer, CarrierTimers } from "./carrier.ts";

/** Intervals in milliseconds, and what to do. */
export interface HeartbeatOptions {
  readonly timers: CarrierTimers;
  readonly pingMs: number;
  readonly deadAfterMs: number;
  /** Asks the peer for an answer; undefined: it cannot be asked, so its silence means nothing. */
  readonly ask: (() => void) | undefined;
  /** True while this side reads nothing, so that an answer could not be seen. */
  readonly deaf: () => boolean;
  readonly dead: () => void;
}

/** One connection's. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardAt: number;
  #askedAt: number;
  #timer: CarrierTimer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#heardAt = this.#askedAt = options.timers.now();
    if (options.ask !== undefined) this.#arm();
  }

  /** Something came from the peer. */
  heard(): void {
    this.#heardAt = this.#options.timers.now();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const { timers, pingMs, deadAfterMs } = this.#options;
    const due = Math.min(this.#askedAt + pingMs, this.#heardAt + deadAfterMs);
    this.#timer = timers.schedule(Math.max(1, due - timers.now()), () => this.#tick());
  }

  #tick(): void {
    const { timers, pingMs, deadAfterMs, ask, deaf, dead } = this.#options;
    const now = timers.now();
    this.#timer = undefined;
    if (deaf()) this.#heardAt = now;
    if (now - this.#heardAt >= deadAfterMs) {
      dead();
      return;
    }
    if (now - this.#askedAt >= pingMs) {
      this.#askedAt = now;
      ask?.();
    }
    this.#arm();
  }
}
