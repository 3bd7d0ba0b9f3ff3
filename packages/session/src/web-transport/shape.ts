/** The part of W3C's `WebTransport` that a session needs: structural, so that browsers' and other implementations fit. */
import type { Connection } from "../transport.ts";

/** How a session ends or ended. */
export interface WebTransportCloseShape {
  readonly closeCode?: number | undefined;
  readonly reason?: string | undefined;
}

export interface WebTransportStreamShape {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface WebTransportDatagramsShape {
  readonly readable: ReadableStream<Uint8Array>;
  /** Older implementations have this one writable. */
  readonly writable?: WritableStream<Uint8Array> | undefined;
  createWritable?(): WritableStream<Uint8Array>;
  readonly maxDatagramSize: number;
}

/** A WebTransport session. */
export interface WebTransportShape {
  readonly ready: Promise<unknown>;
  readonly closed: Promise<WebTransportCloseShape>;
  /** The application protocol; browsers without negotiation have none. */
  readonly protocol?: string | undefined;
  readonly datagrams: WebTransportDatagramsShape;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  readonly incomingBidirectionalStreams: ReadableStream<WebTransportStreamShape>;
  createUnidirectionalStream(options?: { sendOrder?: number }): Promise<WritableStream<Uint8Array>>;
  createBidirectionalStream(options?: { sendOrder?: number }): Promise<WebTransportStreamShape>;
  close(info?: { closeCode?: number; reason?: string }): void;
  /** The same session byte by byte: what `@moqingbird/transport` has and browsers lack. */
  readonly connection?: Connection | undefined;
}

const largestCode = 0xffff_ffff;

interface StreamError {
  readonly streamErrorCode: number | null;
}

interface StreamErrorMaker {
  new (message: string, options: { streamErrorCode: number }): Error & StreamError;
  new (options: { streamErrorCode: number }): Error & StreamError;
}

/** What `abort` and `cancel` take, so that the peer is told this code; codes above 2^32 - 1 are lowered to it. */
export function streamError(code: number | bigint): unknown {
  const streamErrorCode = code > largestCode ? largestCode : Number(code);
  const Maker = (globalThis as unknown as { WebTransportError?: StreamErrorMaker }).WebTransportError;
  if (Maker === undefined) return Object.assign(new Error(`Stream error ${streamErrorCode}`), { streamErrorCode });
  const error = new Maker("", { streamErrorCode });
  // Chromium up to now knows the older form, which has the options first.
  return error.streamErrorCode === streamErrorCode ? error : new Maker({ streamErrorCode });
}

/** The code in an error of a stream; undefined where it tells none, because the session ended or the code was not given. */
export function codeIn(error: unknown): bigint | undefined {
  const code = (error as Partial<StreamError> | undefined)?.streamErrorCode;
  return typeof code === "number" ? BigInt(code) : undefined;
}
