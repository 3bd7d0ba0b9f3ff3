/**
 * Waiting for a broadcast: its announcement where the relay announces (SUBSCRIBE_NAMESPACE), and asking again after 1, 2,
 * 4 … 30 seconds, because many relays leave SUBSCRIBE_NAMESPACE unanswered.
 */
import { ModelError, type TrackNamespace } from "@moqingbird/model";
import { RequestRefused, type Session, SessionError } from "@moqingbird/session";

const firstDelayMs = 1000;
const longestDelayMs = 30_000;

/** SUBSCRIBE_ERROR codes of draft 14 after which asking again makes sense: internal error, timeout, no such track. */
const passingCodes: readonly number[] = [0x0, 0x2, 0x4];

export class BroadcastWaiter {
  readonly #signal: AbortSignal;
  readonly #watch: { stop(): void };
  #delayMs = firstDelayMs;
  #announced = false;
  #wake: (() => void) | undefined;

  constructor(session: Session, namespace: TrackNamespace, signal: AbortSignal) {
    this.#signal = signal;
    this.#watch = session.announced(namespace, {
      added: () => {
        this.#announced = true;
        this.#wake?.();
      },
      removed: () => {
        this.#announced = false;
      },
    });
  }

  /** Resolves when it is time to ask again; false when the signal aborted. */
  async again(): Promise<boolean> {
    if (this.#signal.aborted) return false;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(2 * delayMs, longestDelayMs);
    // An announcement that is older than the refusal says nothing new: only one from now on cuts the wait short.
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#signal.addEventListener("abort", () => resolve(), { once: true });
      timer = setTimeout(resolve, delayMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
    return !this.#signal.aborted;
  }

  /** The relay has announced the broadcast and not taken that back. */
  get announced(): boolean {
    return this.#announced;
  }

  stop(): void {
    this.#watch.stop();
  }
}

/** A refusal that may pass: the broadcast is not there yet, or its publisher did not answer. */
export function mayPass(error: unknown): boolean {
  if (error instanceof ModelError && error.code === "track-not-found") return true;
  if (error instanceof ModelError && error.code === "track-rejected") {
    return error.wireCode === undefined || passingCodes.includes(Number(error.wireCode));
  }
  if (error instanceof RequestRefused) return passingCodes.includes(Number(error.wireCode));
  return error instanceof SessionError && error.code === "request-timeout";
}
