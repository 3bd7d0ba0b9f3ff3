/** Whether anybody is subscribed to a broadcast of ours, as something that can be waited for. */
import type { BroadcastProducer } from "@moqingbird/model";

export class Demand {
  readonly #broadcast: BroadcastProducer;
  #wake: (() => void) | undefined;

  /** Takes the broadcast's `onUsed` and `onUnused`. */
  constructor(broadcast: BroadcastProducer) {
    this.#broadcast = broadcast;
    const changed = () => this.#wake?.();
    broadcast.onUsed = changed;
    broadcast.onUnused = changed;
  }

  get present(): boolean {
    return this.#broadcast.used;
  }

  /** Resolves `graceMs` after the first subscriber came; false when the signal aborted before. */
  async come(graceMs: number, signal: AbortSignal): Promise<boolean> {
    while (!this.present && !signal.aborted) await this.#changed(signal);
    if (signal.aborted) return false;
    await this.#changed(signal, graceMs);
    return !signal.aborted;
  }

  /** Resolves when the last subscriber has got everything and left. */
  async gone(): Promise<void> {
    while (this.present) await this.#changed();
  }

  async #changed(signal?: AbortSignal, timeoutMs?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      if (timeoutMs === undefined) this.#wake = resolve;
      else timer = setTimeout(resolve, timeoutMs);
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
