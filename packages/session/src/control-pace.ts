/**
 * How fast control messages of the peer's are read. Each costs work here, on the thread that carries everybody's media; a
 * peer that sends more than the pace allows is not failed but made to wait, by not giving it credit for more.
 */

import { type Budget, charges } from "./budget.ts";
import type { SessionLimits } from "./limits.ts";
import type { Timer, Timers } from "./timers.ts";

/** What a message costs beside its bytes, in bytes. */
const messageCost = 256;

/** Rest between two turns of a peer that waits, in milliseconds. */
const restMs = 5;

export class ControlPace {
  readonly #timers: Timers;
  readonly #limits: SessionLimits;
  readonly #budget: Budget;
  readonly #resume: () => void;
  /** Cost that may still be spent at `#at`. May be below 0: a chunk is read whole. */
  #left: number;
  #at: number;
  #waiting: Timer | undefined;

  /** @param resume called when reading may go on. */
  constructor(timers: Timers, limits: SessionLimits, budget: Budget, resume: () => void) {
    this.#timers = timers;
    this.#limits = limits;
    this.#budget = budget;
    this.#resume = resume;
    this.#left = limits.controlBurstBytes;
    this.#at = timers.now();
  }

  /** Whether the next chunk may be read now; if not, `resume` will be called. */
  get open(): boolean {
    if (this.#waiting) return false;
    if (this.#left > 0) return true;
    this.#earn();
    if (this.#left > 0) return true;
    const debtMs = (-this.#left * 1000) / this.#limits.controlBytesPerSecond;
    this.#waiting = this.#timers.schedule(Math.ceil(debtMs) + restMs, () => {
      this.#waiting = undefined;
      this.#resume();
    });
    return false;
  }

  /** Something was read. Answers are free: we asked for them. */
  spend(bytes: number, messages: number): void {
    this.#left -= bytes + messages * messageCost;
  }

  /** What time has brought, as far as all peers together do not ask for more than there is. */
  #earn(): void {
    const now = this.#timers.now();
    const { controlBytesPerSecond, controlBurstBytes } = this.#limits;
    const earned = ((now - this.#at) * controlBytesPerSecond) / 1000;
    this.#at = now;
    this.#left += this.#budget.grantControl(Math.min(earned, controlBurstBytes - this.#left), now);
  }

  stop(): void {
    this.#waiting?.cancel();
  }
}

/** Chunks that wait for their turn, in order. Bounded by the credit the peer was given. */
export class WaitingChunks {
  #chunks: Uint8Array[] = [];
  #next = 0;
  /** Bytes that wait, with what their keeping costs. */
  chargedBytes = 0;

  get empty(): boolean {
    return this.#next === this.#chunks.length;
  }

  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.chargedBytes += bytes.length + charges.chunk;
  }

  shift(): Uint8Array {
    const bytes = this.#chunks[this.#next++] as Uint8Array;
    this.chargedBytes -= bytes.length + charges.chunk;
    if (this.empty) {
      this.#chunks = [];
      this.#next = 0;
    }
    return bytes;
  }
}
