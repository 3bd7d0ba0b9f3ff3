/** Two ways to the same thing, the better one first: what comes first is taken, the other given up. Nothing here needs Node. */
import { TransportError, type TransportErrorCode } from "../errors.ts";
import type { CarrierTimers } from "../qmux/carrier.ts";
import { systemCarrierTimers } from "../qmux/system-timers.ts";

/** One way: it ends soon when its signal aborts, which the winner's never does. */
export type Way<T> = (signal: AbortSignal) => Promise<T>;

/** What {@link race} needs to know. */
export interface Race<T> {
  readonly better: Way<T>;
  readonly other: Way<T>;
  /** How long the better one runs alone, in milliseconds; a failure of it ends that at once. */
  readonly headStartMs: number;
  /** After this failure the other would fail too: it is told at once. Default: none. */
  readonly decisive?: (error: unknown) => boolean;
  /** Came second: nobody has it. */
  readonly discard: (late: T) => void;
  /** Default: the platform's. */
  readonly timers?: Pick<CarrierTimers, "schedule">;
  /** Gives both up. */
  readonly signal?: AbortSignal | undefined;
}

/** The first success; else the failure that says most, or the signal's reason. */
export function race<T>(options: Race<T>): Promise<T> {
  const { better, other, headStartMs, discard, signal } = options;
  const { decisive = () => false, timers = systemCarrierTimers } = options;
  return new Promise((resolve, reject) => {
    const attempts: [AbortController, AbortController] = [new AbortController(), new AbortController()];
    const failures: [better?: unknown, other?: unknown] = [];
    let running = 0;
    let begun = false;
    let over = false;
    const settle = (winner?: 0 | 1) => {
      over = true;
      timer.cancel();
      signal?.removeEventListener("abort", aborted);
      for (const [place, attempt] of attempts.entries()) {
        if (place !== winner) attempt.abort(new TransportError("closed", { what: "attempt" }));
      }
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    const aborted = () => fail(signal?.reason);
    const start = (way: Way<T>, place: 0 | 1) => {
      running++;
      way(attempts[place].signal).then(
        (found) => {
          if (over) return discard(found);
          settle(place);
          resolve(found);
        },
        (error: unknown) => {
          if (over) return;
          running--;
          failures[place] = error;
          if (decisive(error)) fail(error);
          else if (!begun) startOther();
          else if (running === 0) fail(mostTelling(failures));
        },
      );
    };
    const startOther = () => {
      begun = true;
      timer.cancel();
      start(other, 1);
    };
    const timer = timers.schedule(headStartMs, startOther);
    if (signal?.aborted) return aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    start(better, 0);
  });
}

const silent: ReadonlySet<TransportErrorCode> = new Set(["unreachable", "connection-refused", "handshake-timeout"]);

/** Of several attempts' failures, the one that says most: a certificate's fault before a refusal before silence. */
export function mostTelling(failures: readonly unknown[]): unknown {
  const code = (error: unknown) => (error instanceof TransportError ? error.code : undefined);
  return (
    failures.find((error) => !silent.has(code(error) as TransportErrorCode)) ??
    failures.find((error) => code(error) === "connection-refused") ??
    failures[0]
  );
}
