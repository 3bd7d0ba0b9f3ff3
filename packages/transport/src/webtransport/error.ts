/** `WebTransportError` (W3C WebTransport, section "WebTransportError Interface"). */
import { foreignCode } from "../h3/codes.ts";

/** What the error concerns. */
export type WebTransportErrorSource = "stream" | "session";

/** Options of {@link WebTransportError}. */
export interface WebTransportErrorOptions {
  /** Default "stream". */
  readonly source?: WebTransportErrorSource;
  /** 0 to 2^32 - 1; others are lowered or raised to it. Default null. */
  readonly streamErrorCode?: number | null;
  /** What was behind it. */
  readonly cause?: unknown;
}

const largestCode = 0xffff_ffff;

/** A stream or a session failed. As a reason of `abort` or `cancel` it carries the code that the peer is told. */
export class WebTransportError extends DOMException {
  readonly source: WebTransportErrorSource;
  readonly streamErrorCode: number | null;
  declare readonly cause?: unknown;

  constructor(message?: string, options?: WebTransportErrorOptions);
  /** The older form, which Chromium has. */
  constructor(init: WebTransportErrorOptions & { readonly message?: string });
  constructor(
    first: string | (WebTransportErrorOptions & { readonly message?: string }) = "",
    options: WebTransportErrorOptions = {},
  ) {
    const { source = "stream", streamErrorCode = null, cause } = typeof first === "string" ? options : first;
    super(typeof first === "string" ? first : first.message, "WebTransportError");
    this.source = source;
    this.streamErrorCode = streamErrorCode === null ? null : clamped(streamErrorCode);
    if (cause !== undefined) Object.defineProperty(this, "cause", { value: cause, configurable: true, writable: true });
  }
}

/** What a code that the peer sent is to W3C: one of HTTP/3 itself is none. */
function streamErrorCodeOf(shown: bigint): number | null {
  return shown >= foreignCode ? null : Number(shown > BigInt(largestCode) ? BigInt(largestCode) : shown);
}

/** What a stream fails with when the peer ends it with a code. `verb` says what the peer did. */
export function endedByPeer(shown: bigint, verb: string): WebTransportError {
  const streamErrorCode = streamErrorCodeOf(shown);
  const how = streamErrorCode === null ? "without a code of the application" : `with code ${streamErrorCode}`;
  return new WebTransportError(`The peer ${verb} the stream ${how}.`, { streamErrorCode });
}

/** The code in a reason of `abort` or `cancel`: 0 where there is none. */
export function codeOfReason(reason: unknown): number {
  return reason instanceof WebTransportError ? (reason.streamErrorCode ?? 0) : 0;
}

function clamped(code: number): number {
  return Number.isNaN(code) ? 0 : Math.min(Math.max(Math.round(code), 0), largestCode);
}
