/**
 * What could not be delivered in time is given up (moq-transport-14, section "DELIVERY TIMEOUT Parameter"): "If an object in
 * a subgroup exceeds the delivery timeout, the publisher MUST reset the underlying transport stream." An object counts until
 * all of it is in packets; what is lost after that is the transport's to repeat.
 */
import { streamCode } from "./codes.ts";
import type { SubgroupSource } from "./subgroup-source.ts";
import type { Timer, Timers } from "./timers.ts";

export class Expiry {
  readonly #timers: Timers;
  readonly #sources: ReadonlySet<SubgroupSource>;
  #timeoutMs: number | undefined;
  #timer: Timer | undefined;

  /** @param sources those of one subscription. */
  constructor(timers: Timers, sources: ReadonlySet<SubgroupSource>) {
    this.#timers = timers;
    this.#sources = sources;
  }

  /** In milliseconds; undefined where nothing expires. */
  get timeoutMs(): number | undefined {
    return this.#timeoutMs;
  }

  set timeoutMs(timeoutMs: number | undefined) {
    if (timeoutMs === this.#timeoutMs) return;
    this.#timeoutMs = timeoutMs;
    this.stop();
    this.watch();
  }

  /** Something waits to be sent. Cheap when that is known. */
  watch(): void {
    if (this.#timeoutMs === undefined || this.#timer) return;
    let oldestMs = -1;
    for (const { reader } of this.#sources) if (reader.hasObject) oldestMs = Math.max(oldestMs, reader.objectAgeMs);
    if (oldestMs < 0) return;
    const leftMs = Math.min(Math.max(1, this.#timeoutMs - oldestMs), longestTimerMs);
    this.#timer = this.#timers.schedule(leftMs, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const timeoutMs = this.#timeoutMs ?? Number.POSITIVE_INFINITY;
    for (const source of [...this.#sources]) {
      const { reader } = source;
      if (reader.hasObject && reader.objectAgeMs >= timeoutMs) source.abandon(streamCode.deliveryTimeout);
    }
    this.watch();
  }
}

/** What every timer takes (2^31 - 1 ms); one that fires early looks again. */
const longestTimerMs = 2 ** 31 - 1;

/** The lower of what both sides want. A time of 0, which would deliver nothing, is none. */
export function lowerTimeout(one: number | undefined, other: number | undefined): number | undefined {
  const lower = Math.min(one || Number.POSITIVE_INFINITY, other || Number.POSITIVE_INFINITY);
  return lower === Number.POSITIVE_INFINITY ? undefined : lower;
}
