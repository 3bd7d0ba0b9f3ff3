/** Waiting, for the async iterators: until woken, aborted, or out of time. The object path itself never waits. */
import type { Schedule } from "./cache.ts";
import { ModelError } from "./errors.ts";

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Whoever waits is woken by the next `wake`, and looks again. */
export class Waker {
  #waiting: (() => void)[] = [];

  wake(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** @throws the signal's reason; ModelError `read-timeout`. */
  wait(options: WaitOptions, schedule: Schedule): Promise<void> {
    return within(new Promise((resolve) => this.#waiting.push(resolve)), options, schedule, "read-timeout");
  }
}

/** The promise's result, unless the signal or the time-out comes first; leaves no listener and no timer behind. */
export function within<T>(
  promise: Promise<T>,
  { signal, timeoutMs }: WaitOptions,
  schedule: Schedule,
  code: "read-timeout" | "request-timeout",
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => settle(() => reject(signal?.reason));
    const timer =
      timeoutMs === undefined
        ? undefined
        : schedule(timeoutMs, () => settle(() => reject(new ModelError(code, timeoutSentence(code, timeoutMs)))));
    const settle = (how: () => void) => {
      signal?.removeEventListener("abort", abort);
      timer?.cancel();
      how();
    };
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function timeoutSentence(code: "read-timeout" | "request-timeout", timeoutMs: number): string {
  return code === "read-timeout"
    ? `Nothing arrived within ${timeoutMs} ms.`
    : `The publisher did not answer the request within ${timeoutMs} ms.`;
}
