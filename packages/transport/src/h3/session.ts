/**
 * A WebTransport session (draft-ietf-webtrans-http3-16): a connection within an HTTP/3 connection, with streams, datagrams
 * and an end of its own. To its user it is a `Connection` like any other; streams carry their prefix, codes are mapped to
 * the range HTTP/3 has for them, and nothing else stands between a stream and its source and sink.
 */
import type { ConnectionStats } from "@moqingbird/engine";
import type { SocketAddress } from "../address.ts";
import type {
  CloseInfo,
  CloseOptions,
  Connection,
  ConnectionHandler,
  DatagramDropReason,
  DatagramOptions,
} from "../connection.ts";
import { EarlySink } from "../early-sink.ts";
import { type ErrorCode, highWord } from "../error-code.ts";
import { TransportError } from "../errors.ts";
import type { QuicStream, StreamOwner } from "../quic/quic-stream.ts";
import type { BidirectionalStream, IncomingStream, ReceiveSink, SendSource, SendStream, SortKey } from "../streams.ts";
import { joined, varint } from "../varint.ts";
import { type Capsule, CapsuleReader, encodeCapsule } from "./capsules.ts";
import { type Http3Error, http3Code, maxApplicationCode, nameOfCode, shownCode, unshownCode } from "./codes.ts";
import { StreamType } from "./control-stream.ts";
import { FrameType } from "./frames.ts";
import type { Http3Connection } from "./http3-connection.ts";
import type { MessageStream } from "./message-stream.ts";

const sessionGone = BigInt(http3Code("WT_SESSION_GONE"));

const exporterLabel = new TextEncoder().encode("EXPORTER-WebTransport");
/** Streams of a session without a handler that wait for one; more are refused. */
const maxEarlyStreams = 64;
/** The same of datagrams; more are dropped. */
const maxEarlyDatagrams = 64;

/** One session that both sides have agreed on. */
export class Http3Session implements Connection, StreamOwner {
  /** The application protocol that was negotiated (WT-Protocol); "" if none was. */
  readonly protocol: string;
  /** Stream id of its CONNECT request. */
  readonly sessionId: number;
  readonly closed: Promise<CloseInfo>;
  /** Resolves when the peer asks the session to come to an end, or the connection does. Never rejects. */
  readonly draining: Promise<void>;

  readonly #http3: Http3Connection;
  readonly #message: MessageStream;
  readonly #streams = new Set<QuicStream>();
  readonly #capsules = new CapsuleReader((capsule) => this.#capsule(capsule));
  readonly #closed = Promise.withResolvers<CloseInfo>();
  readonly #draining = Promise.withResolvers<void>();
  readonly #uniPrefix: Uint8Array;
  readonly #bidiPrefix: Uint8Array;
  /** Quarter stream id, and room behind it for a payload. */
  #datagram: Uint8Array;
  readonly #datagramPrefixBytes: number;
  #handler: Partial<ConnectionHandler> | undefined;
  #early: [QuicStream, EarlySink][] = [];
  #earlyDatagrams: Uint8Array[] = [];
  #info: CloseInfo | undefined;

  constructor(http3: Http3Connection, message: MessageStream, protocol: string) {
    this.#http3 = http3;
    this.#message = message;
    this.protocol = protocol;
    this.sessionId = Number(message.stream.id);
    this.closed = this.#closed.promise;
    this.draining = this.#draining.promise;
    const id = varint(this.sessionId);
    this.#uniPrefix = joined(varint(StreamType.WEBTRANSPORT), id);
    this.#bidiPrefix = joined(varint(FrameType.WT_STREAM), id);
    this.#datagram = varint(this.sessionId / 4);
    this.#datagramPrefixBytes = this.#datagram.length;
  }

  /** The peer takes datagrams. */
  get unreliable(): boolean {
    return this.#http3.abilities?.datagrams === true;
  }

  get side(): "client" | "server" {
    return this.#http3.quic.side;
  }

  get serverName(): string {
    return this.#http3.quic.serverName;
  }

  get resumed(): boolean {
    return this.#http3.quic.resumed;
  }

  get earlyData(): Connection["earlyData"] {
    return this.#http3.quic.earlyData;
  }

  get remoteAddress(): SocketAddress {
    return this.#http3.quic.remoteAddress;
  }

  get localAddress(): SocketAddress {
    return this.#http3.quic.localAddress;
  }

  get handler(): ConnectionHandler | undefined {
    return this.#handler as ConnectionHandler | undefined;
  }

  set handler(handler: Partial<ConnectionHandler> | undefined) {
    this.#handler = handler;
    if (handler === undefined) return;
    if (this.#early.length + this.#earlyDatagrams.length > 0) this.#http3.soon(() => this.#deliverEarly());
    const info = this.#info;
    if (info !== undefined) this.#http3.soon(() => handler.closed?.(info)); // it came too late for the event
  }

  openUnidirectional(source: SendSource, sortKey?: SortKey): SendStream {
    return this.openOneWay(source, sortKey, false);
  }

  openBidirectional(source: SendSource, sink: ReceiveSink, sortKey?: SortKey): BidirectionalStream {
    return this.openBothWays(source, sink, sortKey, false);
  }

  /** `openUnidirectional`; `eager` tells the peer of the stream before it has bytes. */
  openOneWay(source: SendSource, sortKey: SortKey | undefined, eager: boolean): SendStream {
    this.#throwIfOver();
    return this.#own(this.#http3.quic.openUnidirectional(source, sortKey), this.#uniPrefix, eager);
  }

  /** `openBidirectional`; `eager` tells the peer of the stream before it has bytes. */
  openBothWays(
    source: SendSource,
    sink: ReceiveSink,
    sortKey: SortKey | undefined,
    eager: boolean,
  ): BidirectionalStream {
    this.#throwIfOver();
    return this.#own(this.#http3.quic.openBidirectional(source, sink, sortKey), this.#bidiPrefix, eager);
  }

  sendDatagram(payload: Uint8Array, options?: DatagramOptions): boolean {
    if (this.#info !== undefined || this.#http3.abilities?.datagrams !== true) return false;
    const total = this.#datagramPrefixBytes + payload.length;
    if (this.#datagram.length < total) {
      const larger = new Uint8Array(Math.max(total, 1500));
      larger.set(this.#datagram.subarray(0, this.#datagramPrefixBytes));
      this.#datagram = larger;
    }
    this.#datagram.set(payload, this.#datagramPrefixBytes);
    return this.#http3.quic.sendDatagram(this.#datagram.subarray(0, total), options);
  }

  get queuedDatagrams(): number {
    return this.#http3.quic.queuedDatagrams;
  }

  datagramRoom(below: number): Promise<void> {
    return this.#info === undefined ? this.#http3.quic.datagramRoom(below) : Promise.resolve();
  }

  get maxDatagramSize(): number {
    if (this.#info !== undefined || this.#http3.abilities?.datagrams !== true) return 0;
    return Math.max(0, this.#http3.quic.maxDatagramSize - this.#datagramPrefixBytes);
  }

  /** Ends the session; the peer is told code (at most 2^32 - 1) and reason (at most 1024 bytes). */
  close({ code = 0, reason = "" }: CloseOptions = {}): void {
    highWord(code); // throws for what is no code
    if (this.#info !== undefined) return;
    const sent = code > maxApplicationCode ? maxApplicationCode : Number(code);
    this.#message.sendData(encodeCapsule({ type: "close", code: sent, reason }));
    this.#message.finish();
    this.#info = { by: "local", code: BigInt(sent), reason };
    this.#http3.soon(() => this.#over()); // nobody is told from inside their own call
  }

  /** Asks the peer to bring the session to an end; it goes on meanwhile. */
  drain(): void {
    if (this.#info === undefined) this.#message.sendData(encodeCapsule({ type: "drain" }));
  }

  /**
   * Resolves when the peer knows of the close; rejects when that will not be. An acknowledgement is not enough: a stack may
   * throw away what it has not read yet as soon as the connection ends, so the peer's own end of the stream is awaited too
   * (section 6: it answers a close with one).
   */
  async told(): Promise<void> {
    await this.#message.acknowledged();
    await this.#message.answered;
  }

  /** The session's own: its id is part of what the material is derived from (section 4.8). */
  exportKeyingMaterial(label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
    this.#throwIfOver();
    for (const [option, { length: bytes }] of [["label", label] as const, ["context", context] as const]) {
      if (bytes > 255)
        throw new TransportError("option-invalid", { option, detail: `${bytes} bytes are more than 255` });
    }
    const id = new Uint8Array(8);
    new DataView(id.buffer).setBigUint64(0, BigInt(this.sessionId));
    const own = joined(id, Uint8Array.of(label.length), label, Uint8Array.of(context.length), context);
    return this.#http3.quic.exportKeyingMaterial(exporterLabel, own, length);
  }

  stats(): ConnectionStats {
    return this.#http3.quic.stats();
  }

  ref(): this {
    this.#http3.quic.ref();
    return this;
  }

  unref(): this {
    this.#http3.quic.unref();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  // --- From the HTTP/3 connection -----------------------------------------------------------------------------------

  /** The peer opened a stream of this session. */
  incoming(stream: QuicStream): ReceiveSink {
    if (this.#info !== undefined) {
      stream.abandon(http3Code("WT_SESSION_GONE"));
      return deaf;
    }
    this.#streams.add(stream);
    stream.adopt(this);
    if (this.#handler !== undefined && this.#early.length === 0) return this.#accept(stream);
    if (this.#early.length >= maxEarlyStreams) return refuse(stream);
    const sink = new EarlySink();
    stream.autoCredit = false;
    this.#early.push([stream, sink]);
    return sink;
  }

  datagram(bytes: Uint8Array, start: number, end: number): void {
    if (this.#handler !== undefined) this.#handler.datagram?.(bytes, start, end);
    else if (this.#earlyDatagrams.length < maxEarlyDatagrams) this.#earlyDatagrams.push(bytes.slice(start, end));
  }

  datagramsDropped(count: number, why: DatagramDropReason): void {
    this.#handler?.datagramsDropped?.(count, why);
  }

  /** The peer, or its connection, wants to end. */
  goingAway(): void {
    this.#draining.resolve();
  }

  connectionClosed(info: CloseInfo): void {
    this.#end(info);
  }

  // --- From the CONNECT stream --------------------------------------------------------------------------------------

  body(bytes: Uint8Array, start: number, end: number): void {
    this.#capsules.feed(bytes, start, end);
  }

  /** The peer finished the CONNECT stream: the same as a close with code 0, if none came (section 6). */
  ended(): void {
    this.#capsules.end();
    this.#message.finish();
    this.#end({ by: "peer-application", code: 0n, reason: "", error: this.#peerClosed("0", "") });
  }

  gone(code: bigint | undefined, fault?: Http3Error): void {
    if (code === undefined) return; // the connection ended, and will say how
    const where = this.#http3.quic.peerName;
    if (fault !== undefined) {
      const values = { where, code: fault.code, detail: fault.message };
      const error = new TransportError("http-violation", values, { cause: fault });
      this.#end({ by: "transport", code, reason: fault.message, error });
      return;
    }
    this.#message.abandon("WT_SESSION_GONE");
    const error = new TransportError("peer-closed", { where, code: nameOfCode(code), detail: "it reset the session" });
    this.#end({ by: "peer-transport", code, reason: "", error });
  }

  // --- StreamOwner --------------------------------------------------------------------------------------------------

  toWire(code: ErrorCode): ErrorCode {
    return unshownCode(code);
  }

  fromWire(code: bigint): bigint | undefined {
    // Ahead of the capsule that says so: the peer ended the session, and its streams with it.
    return code === sessionGone ? undefined : shownCode(code);
  }

  released(stream: QuicStream): void {
    this.#streams.delete(stream);
  }

  // --- Inside -------------------------------------------------------------------------------------------------------

  #own(stream: QuicStream, prefix: Uint8Array, eager: boolean): QuicStream {
    this.#streams.add(stream);
    stream.adopt(this, prefix, eager);
    return stream;
  }

  #accept(stream: QuicStream): ReceiveSink {
    return this.#handler?.stream?.(stream as IncomingStream, stream.direction) ?? refuse(stream);
  }

  #deliverEarly(): void {
    const [early, datagrams] = [this.#early, this.#earlyDatagrams];
    this.#early = [];
    this.#earlyDatagrams = [];
    for (const payload of datagrams) this.datagram(payload, 0, payload.length);
    for (const [stream, parked] of early) {
      stream.autoCredit = true;
      const sink = this.#accept(stream);
      stream.setSink(sink);
      parked.replay(stream, sink);
    }
  }

  #capsule(capsule: Capsule): void {
    if (capsule.type === "drain") this.goingAway();
    else if (capsule.type === "close") {
      const { reason } = capsule;
      const code = BigInt(capsule.code);
      this.#message.finish();
      this.#end({ by: "peer-application", code, reason, error: this.#peerClosed(String(code), reason) });
    } // limits: flow control within sessions is not negotiated, so they mean nothing (section 5.1)
  }

  #peerClosed(code: string, reason: string): TransportError {
    const where = this.#http3.quic.peerName;
    return new TransportError("peer-closed", { where, code, detail: reason || "it gave no reason" });
  }

  #end(info: CloseInfo): void {
    if (this.#info !== undefined) return;
    this.#info = info;
    this.#over();
  }

  #over(): void {
    const info = this.#info as CloseInfo;
    this.#http3.removeSession(this.sessionId);
    this.#early = [];
    this.#earlyDatagrams = [];
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const stream of streams) stream.abandon(http3Code("WT_SESSION_GONE"));
    this.#handler?.closed?.(info);
    this.#closed.resolve(info);
  }

  #throwIfOver(): void {
    if (this.#info !== undefined) throw new TransportError("closed", { what: "session" });
  }
}

function refuse(stream: QuicStream): ReceiveSink {
  stream.stop(0);
  if (stream.direction === "bidirectional") stream.reset(0);
  return deaf;
}

const deaf: ReceiveSink = { data: () => {}, finished: () => {}, reset: () => {} };
