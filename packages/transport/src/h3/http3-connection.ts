/**
 * HTTP/3 on one QUIC connection, for either side: control streams, settings, requests, and the streams and datagrams of
 * WebTransport sessions to the session they belong to. A peer that breaks a rule is told which: the connection or the
 * stream ends with the code of RFC 9114.
 */
import type { CloseInfo, ConnectionHandler, DatagramDropReason } from "../connection.ts";
import { TransportError } from "../errors.ts";
import type { ScheduledTask } from "../executor/executor.ts";
import type { QuicConnection } from "../quic/quic-connection.ts";
import type { QuicStream } from "../quic/quic-stream.ts";
import type { IncomingStream, ReceiveSink, StreamDirection } from "../streams.ts";
import { VarintReader } from "../varint.ts";
import { Http3Error, http3Code, nameOfCode } from "./codes.ts";
import { type ControlHandler, ControlReader, ControlWriter, CriticalSink, StreamType } from "./control-stream.ts";
import { type MessageHandler, MessageStream } from "./message-stream.ts";
import { Parking } from "./parking.ts";
import { checkEncoderInstructions, DecoderInstructions, type FieldLimits } from "./qpack.ts";
import type { Http3Session } from "./session.ts";
import { abilitiesOf, ourSettings, type PeerAbilities, type Settings } from "./settings.ts";
import { StreamHead, type StreamRouter } from "./stream-head.ts";

/** Timers on the loop that drives the connection. */
export interface Timers {
  add(task: () => void): void;
  schedule(delayMs: number, task: () => void): ScheduledTask;
}

/** What an HTTP/3 connection is made with. */
export interface Http3Start {
  readonly timers: Timers;
  /** Sessions at a time; told to the peer. */
  readonly maxSessions: number;
  /** A server's: who handles a request, from its head on. Without it every request is rejected. */
  readonly onRequest?: (makeStream: (handler: MessageHandler) => MessageStream) => void;
  /** The connection is over, after every session was told. */
  readonly onClosed?: () => void;
}

/** Header blocks above this are refused (SETTINGS_MAX_FIELD_SECTION_SIZE), in bytes. */
export const maxFieldSectionBytes = 16_384;
const maxFields = 100;
/** Ids of sessions that are over and remembered, so that late streams are told so instead of parked. */
const rememberedSessions = 64;
/** Cancelled requests a peer may have beyond those it let complete (RFC 9114 section 10.5). */
const toleratedCancellations = 100;
/** How long a close waits for the peer to answer what was told last, ms. */
const lingerMs = 1000;

/** One HTTP/3 connection. */
export class Http3Connection implements ConnectionHandler, ControlHandler, StreamRouter {
  readonly quic: QuicConnection;
  readonly timers: Timers;
  readonly maxSessions: number;
  readonly fieldLimits: FieldLimits = { sectionBytes: maxFieldSectionBytes, fields: maxFields };
  readonly sessions = new Map<number, Http3Session>();
  /** Resolves with the peer's settings; rejects when the connection ends before they came. */
  readonly peer: Promise<PeerAbilities>;
  /** How the connection ended, as its sessions are told. Never rejects. */
  readonly ended: Promise<CloseInfo>;
  /** The peer's settings, once they are there. */
  abilities: PeerAbilities | undefined;
  /** Sessions that were asked for and are not over, those that wait for an answer included. */
  offeredSessions = 0;
  /** The peer is going away (GOAWAY): no new requests. */
  peerGoesAway = false;

  readonly #start: Http3Start;
  readonly #control: ControlWriter;
  readonly #parking = new Parking();
  readonly #peer = Promise.withResolvers<PeerAbilities>();
  readonly #ended = Promise.withResolvers<CloseInfo>();
  readonly #gone: number[] = [];
  readonly #critical = new Set<number>();
  #fault: Http3Error | undefined;
  #highestRequest = -4;
  #goAwayFrom = Number.POSITIVE_INFINITY;
  #cancelled = 0;
  #closing = false;

  constructor(quic: QuicConnection, start: Http3Start) {
    this.quic = quic;
    this.timers = start.timers;
    this.maxSessions = start.maxSessions;
    this.#start = start;
    this.peer = this.#peer.promise;
    this.ended = this.#ended.promise;
    this.peer.catch(() => {}); // whoever waits is told; nobody has to
    this.#control = new ControlWriter(this, ourSettings(maxFieldSectionBytes, start.maxSessions));
    quic.allowAllStreams(); // with our SETTINGS, so that they are known before any session is
    quic.openUnidirectional(this.#control);
    quic.handler = this;
  }

  /** Opens a request stream. Throws `closed`. */
  openRequest(handler: MessageHandler): MessageStream {
    return new MessageStream(this, handler, (source, sink) => this.quic.openBidirectional(source, sink));
  }

  /** A session begins: what came for it before is handed over. */
  addSession(session: Http3Session): void {
    this.sessions.set(session.sessionId, session);
    this.#parking.release(
      session.sessionId,
      (stream) => session.incoming(stream),
      (payload) => session.datagram(payload, 0, payload.length),
    );
    if (this.peerGoesAway) session.goingAway();
  }

  /** A session is over, or will never be. */
  removeSession(id: number): void {
    this.sessions.delete(id);
    this.#parking.reject(id);
    if (this.#gone.push(id) > rememberedSessions) this.#gone.shift();
  }

  /** A request came to nothing because its client gave it up. */
  requestCancelled(): void {
    if (++this.#cancelled <= toleratedCancellations) return;
    this.fail(new Http3Error("H3_EXCESSIVE_LOAD", `More than ${toleratedCancellations} requests were cancelled.`));
  }

  /** A request was answered. */
  requestAnswered(): void {
    this.#cancelled = Math.max(0, this.#cancelled - 1);
  }

  /** No further requests are taken, and sessions are asked to come to an end. */
  drain(): void {
    if (this.#goAwayFrom !== Number.POSITIVE_INFINITY || this.#closing) return;
    this.#goAwayFrom = this.#highestRequest + 4;
    this.#control.goAway(this.quic.side === "server" ? this.#goAwayFrom : 0);
  }

  /** Runs a callback of the user in the loop's next phase. */
  soon(callback: () => void): void {
    this.timers.add(() => this.quic.guard(callback));
  }

  /** Ends the connection once `told` has settled, at the latest after a second. Sessions are over by then. */
  async closeAfter(told: readonly Promise<unknown>[]): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = this.timers.schedule(lingerMs, () => timeout.resolve());
    await Promise.race([Promise.allSettled(told), timeout.promise, this.quic.closed]);
    timer.cancel();
    this.close();
  }

  /** Ends the connection at once, without an error. */
  close(): void {
    this.#closing = true;
    this.quic.close({ code: http3Code("H3_NO_ERROR") });
  }

  /** The peer broke a rule: the connection ends. */
  fail(error: Http3Error): void {
    if (this.#fault !== undefined) return;
    this.#fault = error;
    this.quic.close({ code: error.wireCode, reason: error.message });
  }

  // --- MessageOwner -------------------------------------------------------------------------------------------------

  attempt(action: () => void, fault?: (error: Http3Error) => void): void {
    if (this.#fault !== undefined) return;
    try {
      action();
    } catch (error) {
      if (!(error instanceof Http3Error)) throw error;
      if (error.scope === "connection" || fault === undefined) this.fail(error);
      else fault(error);
    }
  }

  // --- ControlHandler -----------------------------------------------------------------------------------------------

  settings(settings: Settings): void {
    this.abilities = abilitiesOf(settings);
    this.#peer.resolve(this.abilities);
  }

  goAway(): void {
    this.peerGoesAway = true;
    for (const session of this.sessions.values()) session.goingAway();
  }

  // --- ConnectionHandler --------------------------------------------------------------------------------------------

  stream(incoming: IncomingStream, direction: StreamDirection): ReceiveSink {
    return new StreamHead(this, incoming as QuicStream, direction);
  }

  datagram(bytes: Uint8Array, start: number, end: number): void {
    const reader = new VarintReader(bytes, start, end);
    const quarter = reader.next();
    if (quarter === undefined || quarter === Number.MAX_SAFE_INTEGER) {
      this.fail(new Http3Error("H3_DATAGRAM_ERROR", "A datagram names no stream."));
      return;
    }
    const id = quarter * 4;
    const session = this.sessions.get(id);
    if (session !== undefined) session.datagram(bytes, reader.at, end);
    else if (!this.#gone.includes(id)) this.#parking.parkDatagram(id, bytes.slice(reader.at, end));
  }

  datagramsDropped(count: number, why: DatagramDropReason): void {
    if (this.sessions.size !== 1) return; // whose they were is not known
    for (const session of this.sessions.values()) session.datagramsDropped(count, why);
  }

  closed(info: CloseInfo): void {
    const shown = this.#shown(info);
    this.#peer.reject(shown.error ?? new TransportError("closed", { what: "connection" }));
    for (const session of [...this.sessions.values()]) session.connectionClosed(shown);
    this.sessions.clear();
    this.#parking.clear();
    this.#ended.resolve(shown);
    this.#start.onClosed?.();
  }

  // --- StreamRouter -------------------------------------------------------------------------------------------------

  sessionStream(stream: QuicStream, id: number): ReceiveSink {
    if (id % 4 !== 0 || id >= 2 ** 62) {
      this.fail(new Http3Error("H3_ID_ERROR", `A stream names session ${id}, which no client can open.`));
      return deaf;
    }
    const session = this.sessions.get(id);
    if (session !== undefined) return session.incoming(stream);
    if (!this.#gone.includes(id)) return this.#parking.park(id, stream);
    stream.abandon(http3Code("WT_SESSION_GONE"));
    return deaf;
  }

  typedStream(stream: QuicStream, direction: StreamDirection, type: number): ReceiveSink {
    if (direction === "bidirectional") return this.#request(stream, type);
    if (type === StreamType.CONTROL || type === StreamType.QPACK_ENCODER || type === StreamType.QPACK_DECODER) {
      if (this.#critical.has(type)) {
        this.fail(
          new Http3Error("H3_STREAM_CREATION_ERROR", `A second stream of type 0x${type.toString(16)} was opened.`),
        );
        return deaf;
      }
      this.#critical.add(type);
      if (type === StreamType.CONTROL) return new ControlReader(this, stream);
      if (type === StreamType.QPACK_ENCODER) return new CriticalSink(this, checkEncoderInstructions);
      const instructions = new DecoderInstructions();
      return new CriticalSink(this, (bytes, start, end) => instructions.feed(bytes, start, end));
    }
    if (type === StreamType.PUSH) {
      const [code, why] =
        this.quic.side === "server"
          ? (["H3_STREAM_CREATION_ERROR", "A client opened a push stream."] as const)
          : (["H3_ID_ERROR", "A push stream was opened, and no push was allowed."] as const);
      this.fail(new Http3Error(code, why));
      return deaf;
    }
    stream.stop(http3Code("H3_STREAM_CREATION_ERROR")); // a reserved type, or one we do not know (section 6.2)
    return deaf;
  }

  incomplete(stream: QuicStream): void {
    stream.abandon(http3Code("H3_REQUEST_INCOMPLETE"));
    this.requestCancelled();
  }

  #request(stream: QuicStream, type: number): ReceiveSink {
    if (this.quic.side === "client") {
      this.fail(
        new Http3Error("H3_STREAM_CREATION_ERROR", "A server opened a stream both ways that is no WebTransport's."),
      );
      return deaf;
    }
    const id = Number(stream.id);
    this.#highestRequest = Math.max(this.#highestRequest, id);
    const { onRequest } = this.#start;
    if (onRequest === undefined || id >= this.#goAwayFrom) {
      stream.abandon(http3Code("H3_REQUEST_REJECTED"));
      return deaf;
    }
    let message: MessageStream | undefined;
    onRequest((handler) => {
      message = new MessageStream(this, handler, (source) => {
        stream.setSource(source);
        return stream;
      });
      message.beginWith(type);
      return message;
    });
    return message ?? deaf;
  }

  /** How the end of the connection looks to a session: codes are HTTP/3's there, not the application's. */
  #shown(info: CloseInfo): CloseInfo {
    const where = this.quic.peerName;
    if (this.#fault !== undefined) {
      const { wireCode, message, code } = this.#fault;
      const error = new TransportError("http-violation", { where, code, detail: message }, { cause: this.#fault });
      return { by: "transport", code: BigInt(wireCode), reason: message, error };
    }
    if (info.by !== "peer-application") return info;
    const detail = info.reason || "it gave no reason";
    const error = new TransportError("peer-closed", { where, code: nameOfCode(info.code), detail });
    return { by: "peer-transport", code: info.code, reason: info.reason, error };
  }
}

/** Hears nothing. */
const deaf: ReceiveSink = { data: () => {}, finished: () => {}, reset: () => {} };
