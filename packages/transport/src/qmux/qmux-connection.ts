/**
 * A connection over the messages of a WebSocket: QMux in any of its drafts, or the older `webtransport` wire. Its face is
 * that of a QUIC connection. Without I/O: messages come in by `received`, and leave by a carrier when there is room.
 */
import type { ConnectionStats } from "@moqingbird/engine";
import type { SocketAddress } from "../address.ts";
import type { CloseInfo, CloseOptions, Connection, ConnectionHandler, DatagramOptions } from "../connection.ts";
import { EarlySink } from "../early-sink.ts";
import { type ErrorCode, highWord } from "../error-code.ts";
import { messageOf, TransportError } from "../errors.ts";
import type { IncomingStream, ReceiveSink, SendSource, SortKey, StreamDirection } from "../streams.ts";
import type { Carrier, CarrierTimers } from "./carrier.ts";
import { DatagramQueue } from "./datagram-queue.ts";
import { closeMessage, datagramPayload, parametersMessage } from "./encode.ts";
import { nameOfQmuxCode, QmuxError } from "./error.ts";
import { type DatagramFrame, type Frame, FrameReader, type StreamFrame } from "./frames.ts";
import { Outbox, type OutboxHost } from "./outbox.ts";
import { defaultRecordBytes, maxFrameBytes, type Parameters } from "./parameters.ts";
import type { QmuxStream, StreamHost } from "./qmux-stream.ts";
import { ReceiveCredit } from "./receive-credit.ts";
import { Sender, type SenderHost } from "./sender.ts";
import { fullSettings, parametersOf, type QmuxSettings } from "./settings.ts";
import { StreamTable } from "./stream-table.ts";
import { type Subprotocol, type WireFeatures, wireFeatures } from "./versions.ts";

/** Streams of a connection without a handler that wait for one; more are refused. */
const maxEarlyStreams = 64;

/** What is known when the connection begins. */
export interface QmuxStart {
  readonly side: "client" | "server";
  readonly subprotocol: Subprotocol;
  readonly carrier: Carrier;
  readonly timers: CarrierTimers;
  /** What the sentences of its errors call the peer. */
  readonly peerName: string;
  /** Server name of the TLS handshake; "" if there was none. */
  readonly serverName: string;
  readonly settings?: QmuxSettings | undefined;
  /** Called when a handler of the user's threw. Default: nothing but the close. */
  readonly onFault?: ((error: TransportError) => void) | undefined;
}

/** One connection. */
export class QmuxConnection implements Connection, StreamHost, OutboxHost, SenderHost {
  readonly protocol: string;
  /** What is spoken, as it stands in Sec-WebSocket-Protocol. */
  readonly subprotocol: Subprotocol;
  readonly side: "client" | "server";
  readonly serverName: string;
  readonly resumed = false;
  readonly earlyData = "none";
  /** TCP loses no datagram; only a full queue drops some. */
  readonly unreliable = false;
  readonly closed: Promise<CloseInfo>;
  /** Resolves when streams may be opened: the peer's limits are here, or there are none. Never rejects. */
  readonly ready: Promise<void>;
  /** QMux has no word for it: never resolves. */
  readonly draining: Promise<void> = new Promise(() => {});
  readonly features: WireFeatures;
  readonly quicFrames: boolean;
  readonly datagrams: DatagramQueue;

  readonly #carrier: Carrier;
  readonly #timers: CarrierTimers;
  readonly #peerName: string;
  readonly #deadAfterMs: number;
  readonly #onFault: ((error: TransportError) => void) | undefined;
  readonly #closed = Promise.withResolvers<CloseInfo>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #streams: StreamTable;
  readonly #credit: ReceiveCredit;
  #handler: Partial<ConnectionHandler> | undefined;
  #early: [QmuxStream, EarlySink][] = [];
  #peer: Parameters | undefined;
  #info: CloseInfo | undefined;
  #closing = false;
  readonly #counts = { receivedBytes: 0, received: 0, datagrams: 0, dropped: 0 };

  constructor(start: QmuxStart) {
    const { wire, protocol } = start.subprotocol;
    this.subprotocol = start.subprotocol;
    this.protocol = protocol;
    this.side = start.side;
    this.serverName = start.serverName;
    this.features = wireFeatures[wire];
    this.quicFrames = this.features.quicFrames;
    this.closed = this.#closed.promise;
    this.ready = this.#ready.promise;
    this.#carrier = start.carrier;
    this.#timers = start.timers;
    this.#peerName = start.peerName;
    this.#onFault = start.onFault;
    const settings = fullSettings(start.settings ?? {}, wire);
    this.#deadAfterMs = settings.deadAfterMs;
    this.#credit = new ReceiveCredit(settings.connectionReceiveWindow, start.carrier);
    this.datagrams = new DatagramQueue((count, why) => {
      this.#counts.dropped += count;
      this.guard(() => this.#handler?.datagramsDropped?.(count, why));
    });
    const outbox = new Outbox(this, start.side);
    this.#outbox = outbox;
    this.#streams = new StreamTable(this, {
      side: start.side,
      outbox,
      settings,
      accepted: (one) => this.#accepted(one),
    });
    this.#sender = new Sender(this, { carrier: start.carrier, timers: start.timers, outbox, settings });
    if (this.quicFrames) this.#sender.hand(parametersMessage(parametersOf(settings)));
    else this.#ready.resolve();
    this.#sender.probe(); // while nothing waits in front of it
  }

  // --- Connection ---------------------------------------------------------------------------------------------------

  get remoteAddress(): SocketAddress {
    return this.#carrier.remoteAddress;
  }

  get localAddress(): SocketAddress {
    return this.#carrier.localAddress;
  }

  get handler(): ConnectionHandler | undefined {
    return this.#handler as ConnectionHandler | undefined;
  }

  set handler(handler: Partial<ConnectionHandler> | undefined) {
    this.#handler = handler;
    if (handler === undefined) return;
    if (this.#early.length > 0) queueMicrotask(() => this.#deliverEarly());
    const info = this.#info;
    if (info !== undefined) queueMicrotask(() => handler.closed?.(info)); // it came too late for the event
  }

  openUnidirectional(source: SendSource, sortKey?: SortKey): QmuxStream {
    return this.openOneWay(source, sortKey, false);
  }

  openBidirectional(source: SendSource, sink: ReceiveSink, sortKey?: SortKey): QmuxStream {
    return this.openBothWays(source, sink, sortKey, false);
  }

  /** `openUnidirectional`; `eager` tells the peer of the stream before it has bytes. */
  openOneWay(source: SendSource, sortKey: SortKey | undefined, eager: boolean): QmuxStream {
    return this.#open("unidirectional", source, undefined, sortKey, eager);
  }

  /** `openBidirectional`; `eager` tells the peer of the stream before it has bytes. */
  openBothWays(source: SendSource, sink: ReceiveSink, sortKey: SortKey | undefined, eager: boolean): QmuxStream {
    return this.#open("bidirectional", source, sink, sortKey, eager);
  }

  /** How it ended; undefined as long as it is open. */
  get end(): CloseInfo | undefined {
    return this.#info;
  }

  /** Asks the peer to bring the connection to an end: QMux has no word for it. */
  drain(): void {}

  sendDatagram(payload: Uint8Array, { sortKey, deadlineMs }: DatagramOptions = {}): boolean {
    if (this.over || payload.length > this.maxDatagramSize || this.maxDatagramSize === 0) return false;
    this.datagrams.put(payload, sortKey, deadlineMs === undefined ? undefined : this.now() + deadlineMs);
    this.#sender.pumpSoon();
    return true;
  }

  get queuedDatagrams(): number {
    return this.datagrams.length;
  }

  datagramRoom(below: number): Promise<void> {
    return this.over || this.datagrams.length < below ? Promise.resolve() : this.datagrams.room.wait(below);
  }

  get maxDatagramSize(): number {
    const peer = this.#peer;
    if (this.over || peer === undefined || !this.features.datagrams || peer.maxDatagramFrameBytes === 0) return 0;
    return datagramPayload(Math.min(peer.maxDatagramFrameBytes, this.#outbox.messageBytes));
  }

  close({ code = 0, reason = "" }: CloseOptions = {}): void {
    highWord(code); // throws for what is no code
    if (this.over) return;
    this.#closing = true;
    const info: CloseInfo = { by: "local", code: BigInt(code), reason };
    this.#sender.hand(closeMessage(this.quicFrames, { application: true, code: info.code, reason }));
    queueMicrotask(() => this.#end(info)); // nobody is told from inside their own call
  }

  stats(): ConnectionStats {
    const { window, sentMessages, sentBytes } = this.#sender;
    const counts = this.#counts;
    return {
      rttMicros: Math.round(window.delayMs * 1000),
      minRttMicros: Math.round(window.leastDelayMs * 1000),
      cwndBytes: window.size,
      mtu: this.#outbox.messageBytes,
      sentPackets: sentMessages,
      lostPackets: 0,
      receivedPackets: counts.received,
      sentBytes,
      receivedBytes: counts.receivedBytes,
      lostBytes: 0,
      congestionEvents: 0,
      blackHoles: 0,
      openedStreams: this.#outbox.openedStreams,
      acceptedStreams: this.#streams.acceptedCount,
      readyStreams: this.#outbox.readyStreams,
      sentDatagrams: this.#outbox.sentDatagrams,
      receivedDatagrams: counts.datagrams,
      droppedDatagrams: counts.dropped,
      queuedDatagrams: this.datagrams.length,
    };
  }

  ref(): this {
    this.#carrier.ref?.();
    return this;
  }

  unref(): this {
    this.#carrier.unref?.();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  // --- From the carrier ---------------------------------------------------------------------------------------------

  /** A binary message came. */
  received(message: Uint8Array): void {
    if (this.over) return;
    this.#sender.heard();
    this.#counts.received++;
    this.#counts.receivedBytes += message.length;
    this.attempt(() => {
      const limit = this.features.records ? defaultRecordBytes : maxFrameBytes;
      if (this.quicFrames && message.length > limit) {
        throw new QmuxError(
          "FRAME_ENCODING_ERROR",
          `A message has ${message.length} bytes; at most ${limit} are taken.`,
        );
      }
      const reader = new FrameReader(message, this.subprotocol.wire);
      for (let frame = reader.next(); frame !== undefined && !this.over; frame = reader.next()) this.#take(frame);
    });
    if (this.#outbox.pending) this.#sender.pumpSoon();
  }

  /** A text message came: there are none (draft-lcurley-qmux-websocket, "WebSocket Message Types"). */
  receivedText(): void {
    this.attempt(() => {
      throw new QmuxError("PROTOCOL_VIOLATION", "A text message came; QMux has binary ones only.");
    });
  }

  /** The peer's WebSocket answered a ping of the carrier's. */
  pong(sequence: number): void {
    this.#sender.heard();
    this.#sender.answered(sequence);
  }

  /** The peer's WebSocket shows that it lives. */
  heard(): void {
    this.#sender.heard();
  }

  /** The WebSocket is closed. Without a word before, `clean` tells whether the peer meant it. */
  carrierClosed(clean: boolean, detail: string): void {
    const where = this.#peerName;
    if (clean) {
      const error = new TransportError("peer-closed", { where, code: "0", detail: detail || "it gave no reason" });
      this.#end({ by: "peer-application", code: 0n, reason: detail, error });
    } else {
      this.#end({ by: "reset", code: 0n, reason: "", error: new TransportError("connection-lost", { where, detail }) });
    }
  }

  // --- StreamHost, OutboxHost, SenderHost ---------------------------------------------------------------------------------------

  now(): number {
    return this.#timers.now();
  }

  get over(): boolean {
    return this.#closing || this.#info !== undefined;
  }

  get holding(): boolean {
    return this.#credit.holding;
  }

  get established(): boolean {
    return !this.quicFrames || this.#peer !== undefined;
  }

  attempt(work: () => void): void {
    if (this.#info !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#violated(error instanceof QmuxError ? error : new QmuxError("INTERNAL_ERROR", messageOf(error)), error);
    }
  }

  silent(): void {
    const detail = `${this.#deadAfterMs} ms`;
    const error = new TransportError("idle-timeout", { where: this.#peerName, detail });
    this.#carrier.abort();
    this.#end({ by: "idle", code: 0n, reason: "", error });
  }

  activated(stream: QmuxStream): void {
    this.#outbox.activate(stream);
    this.#sender.pumpSoon();
  }

  reordered(stream: QmuxStream): void {
    this.#outbox.reordered(stream);
  }

  opened(stream: QmuxStream): void {
    this.#streams.opened(stream);
  }

  resetSent(stream: QmuxStream, code: bigint): void {
    this.attempt(() => this.#outbox.reset(stream, code));
    this.#sender.pumpSoon();
  }

  stopSent(stream: QmuxStream, code: bigint): void {
    this.attempt(() => this.#outbox.stop(stream.streamNumber, code));
    this.#sender.pumpSoon();
  }

  creditDue(stream: QmuxStream): void {
    if (!this.quicFrames) return;
    this.attempt(() => this.#outbox.maxStreamData(stream));
    this.#sender.pumpSoon();
  }

  unread(bytes: number): void {
    if (this.quicFrames) return;
    this.attempt(() => this.#credit.hold(bytes));
  }

  released(stream: QmuxStream): void {
    const limit = this.#streams.released(stream);
    if (limit === undefined || !this.quicFrames) return;
    this.attempt(() => this.#outbox.maxStreams(stream.direction, limit));
    this.#sender.pumpSoon();
  }

  guard(callback: () => void): void {
    try {
      callback();
    } catch (cause) {
      if (this.over) return;
      const detail = messageOf(cause);
      const error = new TransportError("handler-failed", { where: this.#peerName, detail }, { cause });
      this.#onFault?.(error);
      this.close({ code: 0, reason: "internal error" });
      this.#end({ by: "local", code: 0n, reason: "internal error", error });
    }
  }

  // --- Frames -------------------------------------------------------------------------------------------------------

  #take(frame: Frame): void {
    if (this.quicFrames && (this.#peer === undefined) !== (frame.kind === "parameters")) {
      const what = this.#peer === undefined ? "did not come first" : "came twice";
      throw new QmuxError("PROTOCOL_VIOLATION", `QX_TRANSPORT_PARAMETERS ${what} (section 4.2).`);
    }
    switch (frame.kind) {
      case "stream":
        this.#takeStream(frame);
        break;
      case "reset-stream":
        this.#takeReset(frame.id, frame.code, frame.finalSize ?? 0, frame.reliableSize !== undefined);
        break;
      case "stop-sending":
        this.#streams.sending(frame.id, 0x05)?.stopped(frame.code);
        break;
      case "max-data":
        this.#outbox.raiseLimit(frame.limit);
        break;
      case "max-stream-data": {
        const stream = this.#streams.sending(frame.id, 0x11);
        if (stream !== undefined) this.#outbox.raiseStreamLimit(stream, frame.limit);
        break;
      }
      case "max-streams":
        this.#outbox.raiseStreams(frame.direction, frame.limit);
        break;
      case "close":
        this.#takeClose(frame.application, frame.code, frame.reason);
        break;
      case "parameters":
        this.#peer = frame.parameters;
        this.#outbox.setParameters(frame.parameters);
        this.#ready.resolve();
        break;
      case "ping":
        this.#sender.takePing(frame.sequence);
        break;
      case "pong":
        this.#sender.takePong(frame.sequence);
        break;
      case "datagram":
        this.#takeDatagram(frame);
        break;
      case "blocked":
        break;
    }
  }

  #takeStream(frame: StreamFrame): void {
    const { id, bytes, start, end, fin } = frame;
    const stream = this.#streams.receiving(id, 0x08);
    const count = end - start;
    if (stream === undefined || !stream.receiveOpen) {
      // What was on its way when the stream ended was sent on the connection's credit all the same.
      this.#admit(count);
      this.#consumed();
      return;
    }
    stream.admit(frame.offset, count);
    this.#admit(count);
    stream.received(bytes, start, end, fin);
    this.#consumed();
  }

  #takeReset(id: number, code: bigint, finalSize: number, partial: boolean): void {
    if (partial) throw new QmuxError("PROTOCOL_VIOLATION", "RESET_STREAM_AT came, and was not offered.", 0x24);
    const stream = this.#streams.receiving(id, 0x04);
    if (stream === undefined) return;
    // Released peers name a final size of 0 whatever they sent: a smaller one than what came is taken for that.
    const missing = Math.max(0, finalSize - stream.receivedBytes);
    if (stream.receivedBytes + missing > stream.receiveLimit) {
      throw new QmuxError("FLOW_CONTROL_ERROR", `Stream ${id} ends beyond its limit.`, 0x04);
    }
    this.#admit(missing);
    stream.wasReset(code);
    this.#consumed();
  }

  #takeClose(application: boolean, code: bigint, reason: string): void {
    const values = { where: this.#peerName, detail: reason || "it gave no reason" };
    const error = application
      ? new TransportError("peer-closed", { ...values, code: String(code) })
      : new TransportError("peer-protocol-error", { ...values, code: nameOfQmuxCode(code) });
    this.#end({ by: application ? "peer-application" : "peer-transport", code, reason, error });
  }

  #takeDatagram(frame: DatagramFrame): void {
    if (frame.frameBytes > defaultRecordBytes) {
      throw new QmuxError("PROTOCOL_VIOLATION", "A datagram is larger than was allowed (RFC 9221 section 3).", 0x30);
    }
    this.#counts.datagrams++;
    this.guard(() => this.#handler?.datagram?.(frame.bytes, frame.start, frame.end));
  }

  // --- Streams ------------------------------------------------------------------------------------------------------

  #open(
    direction: StreamDirection,
    source: SendSource,
    sink: ReceiveSink | undefined,
    sortKey: SortKey | undefined,
    eager: boolean,
  ): QmuxStream {
    if (this.over) throw new TransportError("closed", { what: "connection" });
    const stream = this.#streams.open(direction, sink !== undefined);
    if (sortKey !== undefined) stream.key = sortKey;
    stream.eager = eager;
    if (sink !== undefined) stream.setSink(sink);
    stream.setSource(source);
    if (eager) stream.activate();
    return stream;
  }

  #accepted(stream: QmuxStream): void {
    if (this.#handler !== undefined && this.#early.length === 0) {
      this.guard(() => stream.setSink(this.#sinkFor(stream)));
    } else if (this.#early.length < maxEarlyStreams) {
      const sink = new EarlySink();
      stream.autoCredit = false;
      stream.setSink(sink);
      this.#early.push([stream, sink]);
    } else refuse(stream as IncomingStream);
  }

  #sinkFor(stream: QmuxStream): ReceiveSink {
    return this.#handler?.stream?.(stream as IncomingStream, stream.direction) ?? refuse(stream as IncomingStream);
  }

  #deliverEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const [stream, parked] of early) {
      this.guard(() => {
        stream.autoCredit = true;
        const sink = this.#sinkFor(stream);
        stream.setSink(sink);
        parked.replay(stream, sink);
      });
    }
  }

  // --- Flow control of the connection -------------------------------------------------------------------------------

  #admit(bytes: number): void {
    if (this.quicFrames) this.#credit.admit(bytes);
  }

  #consumed(): void {
    if (!this.quicFrames || this.over) return;
    const limit = this.#credit.renew();
    if (limit !== undefined) this.#outbox.maxData(limit);
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  #violated(fault: QmuxError, cause: unknown): void {
    if (this.over) return;
    const { errorName, message, frameType } = fault;
    const code = BigInt(fault.code);
    this.#sender.hand(closeMessage(this.quicFrames, { application: false, code, reason: message, frameType }));
    const values = { where: this.#peerName, code: errorName, detail: message };
    const error = new TransportError("protocol-violation", values, { cause });
    this.#end({ by: "transport", code, reason: message, error });
  }

  /** Streams first, then the handler, then whoever awaits `closed`. */
  #end(info: CloseInfo): void {
    if (this.#info !== undefined) return;
    this.#info = info;
    this.#sender.stop();
    this.#outbox.clear();
    this.datagrams.clear();
    this.#early = [];
    for (const stream of this.#streams.drain()) stream.over();
    this.guard(() => this.#handler?.closed?.(info));
    this.#carrier.close();
    this.#ready.resolve();
    this.#closed.resolve(info);
  }
}

function ignore(): void {}

/** For streams nobody wants: the peer is asked to stop, and gets no answer. */
function refuse(stream: IncomingStream): ReceiveSink {
  stream.stop(0 satisfies ErrorCode);
  if (stream.direction === "bidirectional") stream.reset(0);
  return { data: ignore, finished: ignore, reset: ignore };
}
