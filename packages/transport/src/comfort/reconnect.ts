/** Connecting again and again: when, with which pauses, and when no more. Nothing here needs Node. */
import { SessionRejectedError, TransportError, type TransportErrorCode } from "../errors.ts";
import type { CarrierTimer, CarrierTimers } from "../qmux/carrier.ts";
import { systemCarrierTimers } from "../qmux/system-timers.ts";
import { WebTransportError } from "../webtransport/error.ts";

/** Options of {@link BackOff}. */
export interface BackOffOptions {
  /** The first pause at most, in milliseconds. Default 500. */
  readonly firstMs?: number;
  /** The longest pause, in milliseconds. Default 30000. */
  readonly longestMs?: number;
  /** Random numbers from 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Pauses between attempts: each twice the one before up to the longest, and of that half to all, by chance, so that clients
 * that lost a server together do not come back together.
 */
export class BackOff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;
  #nextMs: number;

  /** Errors: `option-invalid`. */
  constructor({ firstMs = 500, longestMs = 30_000, random = Math.random }: BackOffOptions = {}) {
    if (!(firstMs > 0 && longestMs >= firstMs)) {
      const detail = `firstMs is ${firstMs}, longestMs ${longestMs}; above 0, and the longest not the shorter one`;
      throw new TransportError("option-invalid", { option: "of a back-off", detail });
    }
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#random = random;
    this.#nextMs = firstMs;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const most = this.#nextMs;
    this.#nextMs = Math.min(most * 2, this.#longestMs);
    return (most * (1 + this.#random())) / 2;
  }

  /** It went well: the next pause is a first one. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** What {@link reconnect} keeps: a connection, or a W3C session. */
export interface Reconnectable {
  readonly closed: Promise<unknown>;
  close(): void;
}

/** Options of {@link reconnect}. */
export interface ReconnectOptions<T extends Reconnectable> extends BackOffOptions {
  /** Makes a connection; give it the signal. */
  readonly open: (signal: AbortSignal) => Promise<T>;
  /** Uses it, until it is over or shorter. If it throws, the connection is closed. */
  readonly use: (connection: T) => void | Promise<void>;
  /** Aborting ends it all: the attempt, the pause, the open connection. */
  readonly signal?: AbortSignal;
  /**
   * Whether to go on after this: why an attempt failed, what `use` threw, or what `closed` of a connection gave. Default:
   * {@link worthRetrying}.
   */
  readonly retry?: (why: unknown) => boolean;
  /** Told before each pause. */
  readonly onRetry?: (next: { readonly why: unknown; readonly pauseMs: number }) => void;
  /** A connection that lasted so long makes the next pause a first one, in milliseconds. Default 10000. */
  readonly stableMs?: number;
  /** Clock and timers. Default: the platform's; its timers keep no process alive. */
  readonly timers?: CarrierTimers;
}

const defaultStableMs = 10_000;

/**
 * Keeps a connection: opens one, hands it to `use`, and when it is over opens the next, after pauses that grow as
 * {@link BackOff} says. Resolves when the signal aborts. Rejects with what is not worth a retry; that a connection ended
 * without an error is worth one.
 */
export async function reconnect<T extends Reconnectable>(options: ReconnectOptions<T>): Promise<void> {
  const { retry = worthRetrying, onRetry, stableMs = defaultStableMs, timers = systemCarrierTimers } = options;
  const signal = options.signal ?? new AbortController().signal;
  const backOff = new BackOff(options);
  while (!signal.aborted) {
    const { why, lastedMs } = await oneConnection(options, signal, timers);
    if (signal.aborted) return;
    if (!retry(why)) throw why;
    if (lastedMs >= stableMs) backOff.reset();
    const pauseMs = backOff.next();
    onRetry?.({ why, pauseMs });
    await pause(pauseMs, signal, timers);
  }
}

/** From the attempt to the end; never rejects. */
async function oneConnection<T extends Reconnectable>(
  { open, use }: Pick<ReconnectOptions<T>, "open" | "use">,
  signal: AbortSignal,
  timers: CarrierTimers,
): Promise<{ readonly why: unknown; readonly lastedMs: number }> {
  let connection: T;
  try {
    connection = await open(signal);
  } catch (why) {
    return { why, lastedMs: 0 };
  }
  const since = timers.now();
  const close = () => connection.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const over = connection.closed.catch((error: unknown) => error);
  const failed = new Promise<unknown>((resolve) => {
    Promise.resolve(connection)
      .then(use)
      .catch((error: unknown) => resolve(error));
  });
  const why = await Promise.race([over, failed]);
  close();
  signal.removeEventListener("abort", close);
  return { why, lastedMs: timers.now() - since };
}

function pause(ms: number, signal: AbortSignal, timers: CarrierTimers): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer: CarrierTimer = timers.schedule(ms, done);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** What the next attempt would meet again. */
const lasting: ReadonlySet<TransportErrorCode> = new Set([
  "address-invalid",
  "certificate-untrusted",
  "handler-failed",
  "no-common-alpn",
  "option-invalid",
  "quic-version-mismatch",
  "webtransport-unsupported",
]);
/** Statuses of a request that may be repeated as it is: 408, 425, 429, and the server's own faults. */
const passingStatuses = new Set([408, 425, 429]);

/**
 * Whether another attempt may go better: not after a certificate that is not trusted, a protocol that is not spoken, a status
 * such as 403 or 404, or a mistake in the call; after everything else.
 */
export function worthRetrying(why: unknown): boolean {
  if (why instanceof SessionRejectedError) return why.status >= 500 || passingStatuses.has(why.status);
  if (why instanceof TransportError) return !lasting.has(why.code);
  if (why instanceof WebTransportError) return why.cause === undefined || worthRetrying(why.cause);
  return !(why instanceof TypeError || why instanceof RangeError || isSyntaxError(why));
}

/** What the W3C constructor throws. */
function isSyntaxError(why: unknown): boolean {
  return why instanceof DOMException && (why.name === "SyntaxError" || why.name === "NotSupportedError");
}
