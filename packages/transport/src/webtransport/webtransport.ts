/**
 * `WebTransport` as in browsers (https://www.w3.org/TR/webtransport/): a client's session by `new WebTransport(url)`, and
 * the sessions a listener accepts. `connection` is the same session byte by byte.
 */
import type { ReadableStreamDefaultController } from "node:stream/web";
import type { CloseInfo, Connection, ConnectionHandler, DatagramDropReason } from "../connection.ts";
import { messageOf, TransportError } from "../errors.ts";
import type { OpenedSession } from "../h3/client.ts";
import { runtime } from "../quic/thread.ts";
import type { IncomingBidirectionalStream, IncomingStream, ReceiveSink, StreamDirection } from "../streams.ts";
import { WebTransportBidirectionalStream } from "./bidirectional-stream.ts";
import { WebTransportDatagramDuplexStream, type WebTransportDatagramStats } from "./datagrams.ts";
import { dial } from "./dial.ts";
import { WebTransportError } from "./error.ts";
import { destinationOf, type WebTransportCongestionControl, type WebTransportOptions } from "./options.ts";
import { Inlet, WebTransportReceiveStream } from "./receive-stream.ts";
import { sendSortKey, WebTransportSendGroup } from "./send-order.ts";
import { asOrder, copyOf, Outlet, WebTransportSendStream, type WebTransportSendStreamOptions } from "./send-stream.ts";
import type { WebSession } from "./web-session.ts";
import type { BufferSource } from "./web-types.ts";

/** How a session ends or ended (W3C `WebTransportCloseInfo`). */
export interface WebTransportCloseInfo {
  /** 0 to 2^32 - 1. Default 0. */
  readonly closeCode?: number;
  /** At most 1024 bytes of UTF-8; the rest is cut. Default empty. */
  readonly reason?: string;
}

/** Counters of a session's connection (W3C `WebTransportConnectionStats`); times in milliseconds. */
export interface WebTransportConnectionStats {
  readonly bytesSent: number;
  readonly packetsSent: number;
  readonly bytesLost: number;
  readonly packetsLost: number;
  readonly bytesReceived: number;
  readonly packetsReceived: number;
  readonly smoothedRtt: number;
  readonly minRtt: number;
  /** Congestion window over round trip, in bits per second; null before the first sample. */
  readonly estimatedSendRate: number | null;
  readonly atSendCapacity: boolean;
  readonly datagrams: WebTransportDatagramStats;
}

/** Whether datagrams may be used: known once the session is there. */
export type WebTransportReliabilityMode = "pending" | "reliable-only" | "supports-unreliable";

const largestCode = 0xffff_ffff;

/** Makes the object of a session that a listener accepted, or of a client's with the header fields of the answer. */
export let adoptSession: (session: WebSession, headers?: Headers) => WebTransport;
/** A session to adopt instead of a URL to dial. */
let adopted: WebSession | undefined;

/** One WebTransport session. */
export class WebTransport implements AsyncDisposable {
  /** Sessions that know no datagrams (over TCP) can be had. */
  static readonly supportsReliableOnly = true;

  static {
    adoptSession = (session, headers) => {
      adopted = session;
      try {
        const made = new WebTransport("https://adopted.invalid/");
        made.#responseHeaders = headers ?? null;
        return made;
      } finally {
        adopted = undefined;
      }
    };
  }

  /** Resolves when the session is there; rejects with a `WebTransportError` whose `cause` says why it is not. */
  readonly ready: Promise<undefined>;
  /** Resolves when the session was closed by either side; rejects with a `WebTransportError` when it failed. */
  readonly closed: Promise<WebTransportCloseInfo>;
  /** Resolves when the peer asks to bring the session to an end. */
  readonly draining: Promise<undefined>;
  readonly datagrams: WebTransportDatagramDuplexStream;
  readonly incomingBidirectionalStreams: ReadableStream<WebTransportBidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<WebTransportReceiveStream>;
  anticipatedConcurrentIncomingUnidirectionalStreams: number | null;
  anticipatedConcurrentIncomingBidirectionalStreams: number | null;
  readonly congestionControl: WebTransportCongestionControl;

  readonly #ready = Promise.withResolvers<undefined>();
  readonly #closed = Promise.withResolvers<WebTransportCloseInfo>();
  readonly #draining = Promise.withResolvers<undefined>();
  readonly #bidirectional: Arrivals<WebTransportBidirectionalStream>;
  readonly #unidirectional: Arrivals<WebTransportReceiveStream>;
  /** Aborted by `close` while there is no session yet. */
  readonly #attempt = new AbortController();
  #session: WebSession | undefined;
  #responseHeaders: Headers | null = null;
  #over = false;

  /** Connects. Throws a DOMException for a URL or options that are wrong; everything later is told by `ready` and `closed`. */
  constructor(url: string | URL, options: WebTransportOptions = {}) {
    const session = adopted;
    const destination = session === undefined ? destinationOf(url, options) : undefined;
    this.congestionControl = options.congestionControl ?? "default";
    this.anticipatedConcurrentIncomingUnidirectionalStreams =
      options.anticipatedConcurrentIncomingUnidirectionalStreams ?? null;
    this.anticipatedConcurrentIncomingBidirectionalStreams =
      options.anticipatedConcurrentIncomingBidirectionalStreams ?? null;
    this.ready = handled(this.#ready.promise);
    this.closed = handled(this.#closed.promise);
    this.draining = this.#draining.promise;
    this.#bidirectional = new Arrivals();
    this.#unidirectional = new Arrivals();
    this.incomingBidirectionalStreams = this.#bidirectional.readable;
    this.incomingUnidirectionalStreams = this.#unidirectional.readable;
    this.datagrams = new WebTransportDatagramDuplexStream(
      () => this.#session,
      this.ready,
      options.datagramsReadableType === "bytes",
    );
    const { signal } = options;
    if (signal !== undefined) {
      const aborted = () => this.close({ reason: "aborted" });
      if (signal.aborted) queueMicrotask(aborted);
      signal.addEventListener("abort", aborted, { once: true });
      void this.closed.catch(ignore).then(() => signal.removeEventListener("abort", aborted));
    }
    if (session !== undefined) this.#begin(session);
    else if (destination !== undefined) {
      dial(runtime(), destination, this.#attempt.signal).then(
        (opened) => this.#opened(opened),
        (error) => this.#failed(error),
      );
    }
  }

  /**
   * The session byte by byte, without a promise per chunk: what `connect` gives for raw QUIC. Whoever sets its `handler`
   * takes the streams and datagrams of the peer over. Undefined before `ready`.
   */
  get connection(): Connection | undefined {
    return this.#session;
  }

  /** The application protocol that was agreed on; "" if none was. */
  get protocol(): string {
    return this.#session?.protocol ?? "";
  }

  get reliability(): WebTransportReliabilityMode {
    if (this.#session === undefined) return "pending";
    return this.#session.unreliable ? "supports-unreliable" : "reliable-only";
  }

  /** Header fields of the server's answer; null before it, and on the server's side. */
  get responseHeaders(): Headers | null {
    return this.#responseHeaders;
  }

  /** Ends the session. Before `ready`, the attempt. Throws a TypeError for a code above 2^32 - 1. Repeatable. */
  close({ closeCode = 0, reason = "" }: WebTransportCloseInfo = {}): void {
    if (!Number.isInteger(closeCode) || closeCode < 0 || closeCode > largestCode) {
      throw new TypeError(`closeCode is ${closeCode}, not an integer from 0 to 2^32 - 1.`);
    }
    if (this.#session !== undefined) this.#session.close({ code: closeCode, reason });
    else this.#attempt.abort(new TransportError("closed", { what: "session" }));
  }

  /** Opens a stream both ways. The peer is told of it at once. */
  async createBidirectionalStream(
    options: WebTransportSendStreamOptions = {},
  ): Promise<WebTransportBidirectionalStream> {
    const session = await this.#live();
    const [outlet, inlet] = [new Outlet(), new Inlet()];
    const writable = new WebTransportSendStream(outlet, options);
    const readable = new WebTransportReceiveStream(inlet);
    this.#whenOver(() => session.openBothWays(outlet, inlet, keyOf(options), true));
    return new WebTransportBidirectionalStream(readable, writable);
  }

  /** Opens a one-way stream. The peer is told of it at once. */
  async createUnidirectionalStream(options: WebTransportSendStreamOptions = {}): Promise<WebTransportSendStream> {
    const session = await this.#live();
    const outlet = new Outlet();
    const writable = new WebTransportSendStream(outlet, options);
    this.#whenOver(() => session.openOneWay(outlet, keyOf(options), true));
    return writable;
  }

  createSendGroup(): WebTransportSendGroup {
    return new WebTransportSendGroup();
  }

  async getStats(): Promise<WebTransportConnectionStats> {
    const session = this.#session ?? (await this.#live());
    const stats = session.stats();
    return {
      bytesSent: stats.sentBytes,
      packetsSent: stats.sentPackets,
      bytesLost: stats.lostBytes,
      packetsLost: stats.lostPackets,
      bytesReceived: stats.receivedBytes,
      packetsReceived: stats.receivedPackets,
      smoothedRtt: stats.rttMicros / 1000,
      minRtt: stats.minRttMicros / 1000,
      estimatedSendRate: stats.rttMicros > 0 ? Math.round((stats.cwndBytes * 8_000_000) / stats.rttMicros) : null,
      atSendCapacity: stats.readyStreams > 0,
      datagrams: this.datagrams.counters,
    };
  }

  /**
   * Secret bytes that both sides derive for this session and nobody else knows. Label and context have at most 255 bytes, the
   * output 1 to 8160. Rejects with a RangeError otherwise, and with a "NotSupportedError" over WebSocket.
   */
  async exportKeyingMaterial(label: BufferSource, context: BufferSource, outputLength: number): Promise<Uint8Array> {
    const session = await this.#live();
    if (session.exportKeyingMaterial === undefined) {
      throw new DOMException("Over WebSocket there is no keying material of the session's own.", "NotSupportedError");
    }
    try {
      return session.exportKeyingMaterial(copyOf(label), copyOf(context), outputLength);
    } catch (error) {
      if (error instanceof TransportError && error.code === "option-invalid") throw new RangeError(error.message);
      throw error;
    }
  }

  /** Asks the peer to bring the session to an end (WT_DRAIN_SESSION). Not W3C. */
  drain(): void {
    this.#session?.drain();
  }

  /** An open session keeps the process alive (the default for a client). Not W3C. */
  ref(): this {
    this.#session?.ref();
    return this;
  }

  /** Lets the process end although the session is open. Not W3C. */
  unref(): this {
    this.#session?.unref();
    return this;
  }

  /** Closes, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed.catch(ignore);
  }

  // --- Inside -------------------------------------------------------------------------------------------------------

  #opened({ session, headers }: OpenedSession): void {
    this.#responseHeaders = headers;
    this.#begin(session);
  }

  #begin(session: WebSession): void {
    this.#session = session;
    session.handler = this.#handler();
    void session.closed.then((info) => this.#ended(info));
    void session.draining.then(() => this.#draining.resolve(undefined));
    this.#ready.resolve(undefined);
    if (this.#attempt.signal.aborted) session.close();
  }

  #handler(): ConnectionHandler {
    return {
      stream: (stream: IncomingStream, direction: StreamDirection): ReceiveSink => {
        const inlet = new Inlet();
        const readable = new WebTransportReceiveStream(inlet);
        if (direction === "unidirectional") this.#unidirectional.put(readable);
        else {
          const outlet = new Outlet();
          const writable = new WebTransportSendStream(outlet);
          (stream as IncomingBidirectionalStream).setSource(outlet, sendSortKey(null, 0n));
          this.#bidirectional.put(new WebTransportBidirectionalStream(readable, writable));
        }
        return inlet;
      },
      datagram: (bytes, start, end) => this.datagrams.arrived(bytes, start, end),
      datagramsDropped: (count: number, _why: DatagramDropReason) => this.datagrams.neverLeft(count),
      closed: ignore,
    };
  }

  /** The attempt failed. */
  #failed(cause: unknown): void {
    const error = new WebTransportError(messageOf(cause), { source: "session", cause });
    this.#ready.reject(error);
    this.#closed.reject(error);
    this.#finish(error);
  }

  #ended(info: CloseInfo): void {
    const clean = info.by === "local" || info.by === "peer-application";
    if (clean) {
      this.#closed.resolve({ closeCode: Number(info.code), reason: info.reason });
      this.#finish(undefined);
      return;
    }
    const error = new WebTransportError(info.error?.message ?? info.reason, { source: "session", cause: info.error });
    this.#closed.reject(error);
    this.#finish(error);
  }

  #finish(error: WebTransportError | undefined): void {
    this.#over = true;
    this.#bidirectional.end(error);
    this.#unidirectional.end(error);
    this.datagrams.end(error);
  }

  async #live(): Promise<WebSession> {
    await this.ready;
    if (this.#over || this.#session === undefined) throw sessionOver();
    return this.#session;
  }

  /** Runs what throws once the session is over, with the error W3C has for that. */
  #whenOver(open: () => unknown): void {
    try {
      open();
    } catch (error) {
      if (error instanceof TransportError && error.code === "closed") throw sessionOver();
      throw error;
    }
  }
}

/** Streams of the peer that wait to be taken; how many there can be is bounded by the stream credit the peer has. */
class Arrivals<T> {
  readonly readable: ReadableStream<T>;
  #controller!: ReadableStreamDefaultController<T>;
  #over = false;

  constructor() {
    this.readable = new ReadableStream<T>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          this.#over = true;
        },
      },
      { highWaterMark: 0 },
    );
  }

  put(item: T): void {
    if (!this.#over) this.#controller.enqueue(item);
  }

  end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (error === undefined) this.#controller.close();
    else this.#controller.error(error);
  }
}

function keyOf({ sendGroup = null, sendOrder = 0 }: WebTransportSendStreamOptions) {
  return sendSortKey(sendGroup, asOrder(sendOrder));
}

function sessionOver(): DOMException {
  return new DOMException("The session is closed.", "InvalidStateError");
}

/** A promise that nobody has to look at. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}
