/**
 * The connection behind the `Connection` face: handles of the engine, the streams that belong to it, and its end, which is
 * told exactly once however it comes about.
 */
import { type ConnectionStats, noStats } from "@moqingbird/engine";
import type { SocketAddress } from "../address.ts";
import type {
  CloseInfo,
  CloseOptions,
  Connection,
  ConnectionHandler,
  DatagramDropReason,
  DatagramOptions,
} from "../connection.ts";
import { DatagramRoom } from "../datagram-room.ts";
import { EarlySink } from "../early-sink.ts";
import { highWord, lowWord } from "../error-code.ts";
import { messageOf, TransportError } from "../errors.ts";
import { defaultSortKey, type IncomingStream, type ReceiveSink, type SendSource, type SortKey } from "../streams.ts";
import { closeChannel, openChannel } from "./channels.ts";
import type { Endpoint } from "./endpoint.ts";
import { QuicStream } from "./quic-stream.ts";
import type { Runtime } from "./runtime.ts";

/** Reason bytes that fit into the smallest packet beside the rest of CONNECTION_CLOSE. */
const maxReasonBytes = 1000;
/** What an exporter of SHA-256 gives at most (RFC 5869 section 2.3). */
const maxKeyingMaterialBytes = 8160;
const encoder = new TextEncoder();
/** Streams of a connection without a handler that wait for one; more are refused. */
const maxEarlyStreams = 64;

/** What is known when the connection object is made. */
export interface ConnectionStart {
  readonly handle: number;
  readonly side: "client" | "server";
  readonly peer: number;
  /** What the sentences of its errors call the peer: "relay.example:4443". */
  readonly peerName: string;
  readonly streamCreditBytes: number;
  /** Streams the peer may have open: both ways, one way. */
  readonly maxStreams: readonly [bidirectional: number, unidirectional: number];
}

/** One connection, from the handshake's first packet to its last event. */
export class QuicConnection implements Connection {
  readonly handle: number;
  readonly side: "client" | "server";
  readonly peerName: string;
  readonly endpoint: Endpoint;
  readonly streamCreditBytes: number;
  readonly closed: Promise<CloseInfo>;
  /** The handshake is done. */
  established = false;
  protocol = "";
  serverName = "";
  resumed = false;
  earlyData: Connection["earlyData"] = "none";
  /** Called when the handshake is done, or has failed; the client waits for it. */
  onSettled: ((info: CloseInfo | undefined) => void) | undefined;
  /** Sends were answered "port unreachable": if the peer stays silent, that is why. */
  refusedSends = 0;

  readonly #runtime: Runtime;
  readonly #maxStreams: ConnectionStart["maxStreams"];
  readonly #resolveClosed: (info: CloseInfo) => void;
  readonly #streams = new Set<QuicStream>();
  #handler: ConnectionHandler | undefined;
  #early: [QuicStream, EarlySink][] = [];
  #peer: number;
  #remoteAddress: SocketAddress;
  #info: CloseInfo | undefined;
  #fault: TransportError | undefined;
  #stats = noStats;
  readonly #datagramRoom = new DatagramRoom();
  #queuedDatagrams = 0;
  #closing = false;
  #drained = false;

  constructor(runtime: Runtime, endpoint: Endpoint, start: ConnectionStart) {
    this.#runtime = runtime;
    this.endpoint = endpoint;
    this.handle = start.handle;
    this.side = start.side;
    this.#peer = start.peer;
    this.#remoteAddress = runtime.peers.socketAddress(start.peer);
    this.peerName = start.peerName;
    this.streamCreditBytes = start.streamCreditBytes;
    this.#maxStreams = start.maxStreams;
    const { promise, resolve } = Promise.withResolvers<CloseInfo>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  get localAddress(): SocketAddress {
    return this.endpoint.address;
  }

  get remoteAddress(): SocketAddress {
    return this.#remoteAddress;
  }

  /** What streams say now leaves before the handshake is done. */
  get offersEarlyData(): boolean {
    return this.#runtime.info(this.handle)?.earlyData === "offered";
  }

  /** Nothing can be opened or sent any more: it was closed from here, or is over. */
  get closing(): boolean {
    return this.#closing || this.#info !== undefined;
  }

  get handler(): ConnectionHandler | undefined {
    return this.#handler;
  }

  set handler(given: Partial<ConnectionHandler> | undefined) {
    const handler = given && completed(given);
    this.#handler = handler;
    if (handler === undefined) return;
    if (this.#early.length > 0) this.#runtime.executor.add(() => this.#deliverEarly());
    const info = this.#info;
    if (info !== undefined) this.#runtime.executor.add(() => handler.closed(info)); // it came too late for the event
  }

  openUnidirectional(source: SendSource, sortKey: SortKey = defaultSortKey): QuicStream {
    return this.#open(1, source, undefined, sortKey);
  }

  openBidirectional(source: SendSource, sink: ReceiveSink, sortKey: SortKey = defaultSortKey): QuicStream {
    return this.#open(0, source, sink, sortKey);
  }

  sendDatagram(payload: Uint8Array, options: DatagramOptions = {}): boolean {
    const { engine } = this.#runtime;
    if (this.closing || payload.length > engine.datagramBuffer.length) return false;
    if (this.#runtime.busy)
      throw new TransportError("option-invalid", {
        option: "sendDatagram",
        detail: "a source may not send datagrams from inside pull",
      });
    engine.datagramBuffer.set(payload);
    const [k3, k2, k1, k0] = options.sortKey ?? defaultSortKey;
    const { deadlineMs } = options;
    const deadline = deadlineMs === undefined ? 0 : this.#runtime.now() + Math.ceil(deadlineMs * 1000);
    const status = engine.sendDatagram(this.handle, payload.length, k3, k2, k1, k0, deadline);
    this.#runtime.touch();
    if (status > 0) this.#queuedDatagrams = status;
    return status > 0;
  }

  get queuedDatagrams(): number {
    return this.#queuedDatagrams;
  }

  datagramRoom(below: number): Promise<void> {
    if (this.closing || this.#queuedDatagrams < below) return Promise.resolve();
    const room = this.#datagramRoom.wait(below);
    if (this.#runtime.busy) this.#runtime.later(() => this.#awaitDatagramRoom());
    else this.#awaitDatagramRoom();
    return room;
  }

  /**
   * The engine allows a peer a few streams until it uses them. This allows all there may be: browsers fail to open a stream
   * instead of waiting for leave.
   */
  allowAllStreams(): void {
    const { engine } = this.#runtime;
    const [bidirectional, unidirectional] = this.#maxStreams;
    this.#runtime.unlessStale(() => {
      engine.setMaxStreams(this.handle, 0, bidirectional);
      engine.setMaxStreams(this.handle, 1, unidirectional);
    });
    this.#runtime.touch();
  }

  get maxDatagramSize(): number {
    if (this.closing || this.#runtime.busy) return 0;
    return Math.max(0, this.#runtime.engine.maxDatagramSize(this.handle));
  }

  close({ code = 0, reason = "" }: CloseOptions = {}): void {
    const high = highWord(code);
    const low = lowWord(code);
    if (this.closing) return;
    this.#closing = true;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.#sendClose(high, low, reason));
      return;
    }
    this.#sendClose(high, low, reason);
  }

  exportKeyingMaterial(label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
    if (this.closing) throw new TransportError("closed", { what: "connection" });
    if (!Number.isInteger(length) || length < 1 || length > maxKeyingMaterialBytes) {
      throw new TransportError("option-invalid", {
        option: "length",
        detail: `${length} is not an integer from 1 to ${maxKeyingMaterialBytes}`,
      });
    }
    return this.#runtime.engine.exportKeyingMaterial(this.handle, label, context, length);
  }

  stats(): ConnectionStats {
    if (this.#info === undefined && !this.#runtime.busy) {
      this.#stats = this.#runtime.unlessStale(() => this.#runtime.engine.stats(this.handle)) ?? this.#stats;
    }
    return this.#stats;
  }

  ref(): this {
    if (!this.closing) this.endpoint.refClient();
    return this;
  }

  unref(): this {
    this.endpoint.unrefClient();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  // --- From the runtime -------------------------------------------------------------------------------------------

  onConnected(): void {
    const info = this.#runtime.info(this.handle);
    if (info !== undefined) {
      this.protocol = info.alpn;
      this.serverName = info.serverName;
      this.resumed = info.resumed;
      if (info.earlyData !== "offered") this.earlyData = info.earlyData;
      this.onPath(info.peer);
    }
    if (this.earlyData === "rejected") this.#releaseStreams(this.#notTaken("the server took no 0-RTT"));
    this.established = true;
    openChannel.publish({ connection: this });
    this.#settle(undefined);
  }

  onPath(peer: number): void {
    this.#peer = peer;
    this.#remoteAddress = this.#runtime.peers.socketAddress(peer);
  }

  /** Index of the peer's present address. */
  get peer(): number {
    return this.#peer;
  }

  onStream(handle: number, id: bigint, unidirectional: boolean): QuicStream {
    const direction = unidirectional ? "unidirectional" : "bidirectional";
    const stream = new QuicStream(this.#runtime, this, handle, {
      direction,
      id,
      sends: !unidirectional,
      receives: true,
    });
    this.#adopt(stream);
    if (this.#handler !== undefined && this.#early.length === 0) this.#accept(stream);
    else if (this.#early.length < maxEarlyStreams) {
      const sink = new EarlySink();
      stream.autoCredit = false;
      stream.setSink(sink);
      this.#early.push([stream, sink]);
    } else refuse(stream as IncomingStream);
    return stream;
  }

  onDatagram(bytes: Uint8Array, start: number, end: number): void {
    this.#handler?.datagram(bytes, start, end);
  }

  onDatagramsDropped(count: number, why: DatagramDropReason): void {
    this.#handler?.datagramsDropped?.(count, why);
  }

  onDatagramRoom(queued: number): void {
    this.#queuedDatagrams = queued;
    this.#datagramRoom.told(queued);
    if (this.#datagramRoom.wanted > 0) this.#awaitDatagramRoom();
  }

  onReleased(stream: QuicStream): void {
    this.#streams.delete(stream);
    this.guard(() => stream.onReleased());
  }

  /** The connection is over. Streams first, then the handler, then whoever awaits `closed`. */
  onClosed(info: CloseInfo): void {
    if (this.#info !== undefined) return;
    if (info.by !== "engine") this.stats(); // the last ones there are
    const told = this.#fault === undefined ? info : { ...info, error: this.#fault };
    this.#info = told;
    const handler = this.#handler;
    this.#early = [];
    this.#releaseStreams(this.established ? undefined : this.#notTaken("the connection ended before its handshake"));
    this.#datagramRoom.over();
    this.guard(() => handler?.closed(told));
    closeChannel.publish({ connection: this, info: told });
    this.#settle(told);
    this.#resolveClosed(told);
    this.endpoint.connectionClosed(this);
  }

  /** Nothing more is sent: the handle is dead. */
  onDrained(): void {
    if (this.#drained) return;
    this.#drained = true;
    this.endpoint.connectionDrained(this);
  }

  /** Runs a callback of the user. What it throws ends this connection, and no other. */
  guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The handshake cannot succeed, for a reason that only the socket knows. */
  giveUp(error: TransportError): void {
    if (this.#fault !== undefined || this.closing) return;
    this.#fault = error;
    this.close();
  }

  /** A callback threw: the connection ends with an error that carries the cause. */
  fail(cause: unknown): void {
    if (this.#fault !== undefined) return;
    this.#fault = new TransportError("handler-failed", { where: this.peerName, detail: messageOf(cause) }, { cause });
    process.emitWarning(this.#fault);
    this.close({ code: 0, reason: "internal error" });
  }

  // --- Inside -----------------------------------------------------------------------------------------------------

  /** Their handles are dead. */
  #releaseStreams(why?: TransportError): void {
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const stream of streams) {
      this.#runtime.streams.delete(stream);
      this.guard(() => stream.onReleased(why));
    }
  }

  #notTaken(detail: string): TransportError {
    return new TransportError("early-data-rejected", { where: this.peerName, detail });
  }

  #awaitDatagramRoom(): void {
    const { wanted } = this.#datagramRoom;
    this.#runtime.unlessStale(() => this.#runtime.engine.awaitDatagramRoom(this.handle, wanted));
    this.#runtime.touch();
  }

  #open(direction: 0 | 1, source: SendSource, sink: ReceiveSink | undefined, key: SortKey): QuicStream {
    if (this.closing) throw new TransportError("closed", { what: "connection" });
    if (this.#runtime.busy)
      throw new TransportError("option-invalid", {
        option: "open",
        detail: "a source may not open streams from inside pull",
      });
    const handle = this.#runtime.engine.openStream(this.handle, direction, key[0], key[1], key[2], key[3]);
    if (handle < 0) {
      if (handle === -1) throw new TransportError("closed", { what: "connection" });
      throw new TransportError("limit-reached", { what: "stream", detail: "finish or reset some first" });
    }
    const stream = new QuicStream(this.#runtime, this, handle, {
      direction: direction === 1 ? "unidirectional" : "bidirectional",
      id: undefined,
      sends: true,
      receives: direction === 0,
    });
    this.#adopt(stream);
    if (sink !== undefined) stream.setSink(sink);
    stream.setSource(source);
    return stream;
  }

  #adopt(stream: QuicStream): void {
    this.#streams.add(stream);
    this.#runtime.streams.add(stream);
  }

  #accept(stream: QuicStream, early?: EarlySink): void {
    this.guard(() => {
      const incoming = stream as IncomingStream;
      const sink = this.#handler?.stream(incoming, stream.direction) ?? refuse(incoming);
      stream.setSink(sink);
      early?.replay(stream, sink);
    });
  }

  #deliverEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const [stream, sink] of early) {
      stream.autoCredit = true;
      this.#accept(stream, sink);
    }
  }

  #sendClose(high: number, low: number, reason: string): void {
    if (this.#info !== undefined) return;
    const bytes = clipped(encoder.encode(reason));
    const { engine } = this.#runtime;
    this.#runtime.unlessStale(() => engine.closeConnection(this.handle, high, low, bytes, this.#runtime.now()));
    this.#runtime.touch();
  }

  #settle(info: CloseInfo | undefined): void {
    const settled = this.onSettled;
    this.onSettled = undefined;
    settled?.(info);
  }
}

/** A handler with all its methods: what it lacks refuses or ignores. */
function completed(given: Partial<ConnectionHandler>): ConnectionHandler {
  if (given.stream && given.datagram && given.closed) return given as ConnectionHandler;
  const dropped = given.datagramsDropped?.bind(given);
  return {
    stream: given.stream?.bind(given) ?? refuse,
    datagram: given.datagram?.bind(given) ?? ignore,
    closed: given.closed?.bind(given) ?? ignore,
    ...(dropped ? { datagramsDropped: dropped } : {}),
  };
}

function ignore(): void {}

/** For streams nobody wants: the peer is asked to stop, and gets no answer. */
function refuse(stream: IncomingStream): ReceiveSink {
  stream.stop(0);
  if (stream.direction === "bidirectional") stream.reset(0);
  return { data: ignore, finished: ignore, reset: ignore };
}

/** At most `maxReasonBytes`, never ending inside a character. */
function clipped(text: Uint8Array): Uint8Array {
  if (text.length <= maxReasonBytes) return text;
  let end = maxReasonBytes;
  while (end > 0 && (text[end]! & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}
