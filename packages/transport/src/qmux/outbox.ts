/**
 * What leaves a QMux connection, and in which order: frames of the protocol itself, then datagrams and streams by their
 * sort keys. Nothing is encoded before there is room for it below.
 */
import type { StreamDirection } from "../streams.ts";
import type { DatagramQueue } from "./datagram-queue.ts";
import {
  datagramFrameBytes,
  maxControlFrameBytes,
  maxStreamPayload,
  streamOverhead,
  writeDatagram,
  writeLimit,
  writePing,
  writeReset,
  writeStop,
  writeStreamCount,
  writeStreamLimit,
} from "./encode.ts";
import { QmuxError } from "./error.ts";
import { absentParameters, maxFrameBytes, type Parameters } from "./parameters.ts";
import type { QmuxStream } from "./qmux-stream.ts";
import { compareKeys, ReadyQueue } from "./ready-queue.ts";
import type { WireFeatures } from "./versions.ts";

/** Writes one frame of the protocol and returns the offset behind it. */
type ControlFrame = (to: Uint8Array, at: number) => number;

/** Frames of the protocol that may wait; a peer that makes us queue more than this is up to something. */
const maxControlFrames = 4096;
/** Room for less payload than this, at the end of a message, is not worth a frame. */
const leastPayload = 256;
/** Messages are cut from blocks of this size. */
const blockBytes = 131_072;

/** Streams of one direction that were opened here. */
interface OwnStreams {
  opened: number;
  /** How many the peer allows in total. */
  limit: number;
  /** The limit the peer was told we wait for. */
  blockedAt: number;
  readonly waiting: Set<QmuxStream>;
}

/** What the outbox asks of its connection. */
export interface OutboxHost {
  readonly features: WireFeatures;
  readonly datagrams: DatagramQueue;
  now(): number;
  /** The stream has its id now. */
  opened(stream: QmuxStream): void;
}

/** The sending side of one connection. */
export class Outbox {
  /** Streams whose FIN left with the last message. */
  readonly finished: QmuxStream[] = [];
  sentDatagrams = 0;
  readonly #host: OutboxHost;
  readonly #idBits: number;
  readonly #control: ControlFrame[] = [];
  readonly #ready = new ReadyQueue<QmuxStream>();
  /** Have bytes, but the connection's credit is used up. */
  readonly #starved = new Set<QmuxStream>();
  readonly #own: Readonly<Record<StreamDirection, OwnStreams>>;
  #peer: Parameters = absentParameters;
  #sentBytes = 0;
  #sendLimit: number;
  #blockedAt = -1;
  #block = new Uint8Array(0);
  #used = 0;

  constructor(host: OutboxHost, side: "client" | "server") {
    this.#host = host;
    this.#idBits = side === "server" ? 1 : 0;
    const unlimited = host.features.quicFrames ? 0 : Number.POSITIVE_INFINITY;
    this.#sendLimit = unlimited;
    const own = (): OwnStreams => ({ opened: 0, limit: unlimited, blockedAt: -1, waiting: new Set() });
    this.#own = { bidirectional: own(), unidirectional: own() };
  }

  /** Streams that have something to send and may. */
  get readyStreams(): number {
    return this.#ready.size;
  }

  /** Something waits that could leave now. */
  get pending(): boolean {
    return this.#control.length > 0 || this.#ready.size > 0 || this.#host.datagrams.length > 0;
  }

  /** Streams of ours that have an id. */
  get openedStreams(): number {
    return this.#own.bidirectional.opened + this.#own.unidirectional.opened;
  }

  /** Largest message the peer takes of us. */
  get messageBytes(): number {
    return this.#host.features.records ? this.#peer.maxRecordBytes : maxFrameBytes;
  }

  /** Whether a stream of ours with this number was opened. */
  hasOpened(direction: StreamDirection, index: number): boolean {
    return index < this.#own[direction].opened;
  }

  // --- What the peer allows -----------------------------------------------------------------------------------------

  setParameters(peer: Parameters): void {
    const record = Math.min(peer.maxRecordBytes, absentParameters.maxRecordBytes); // larger ones would only add delay
    this.#peer = { ...peer, maxRecordBytes: record };
    this.raiseLimit(peer.initialMaxData);
    this.raiseStreams("bidirectional", peer.initialMaxStreamsBidi);
    this.raiseStreams("unidirectional", peer.initialMaxStreamsUni);
  }

  /** MAX_DATA. */
  raiseLimit(limit: number): void {
    if (limit <= this.#sendLimit) return;
    this.#sendLimit = limit;
    const starved = [...this.#starved];
    this.#starved.clear();
    for (const stream of starved) this.activate(stream);
  }

  /** MAX_STREAMS. */
  raiseStreams(direction: StreamDirection, limit: number): void {
    const own = this.#own[direction];
    if (limit <= own.limit) return;
    own.limit = limit;
    const waiting = [...own.waiting];
    own.waiting.clear();
    for (const stream of waiting) this.activate(stream);
  }

  /** MAX_STREAM_DATA. */
  raiseStreamLimit(stream: QmuxStream, limit: number): void {
    if (limit <= stream.sendLimit) return;
    stream.sendLimit = limit;
    this.activate(stream);
  }

  /** What the peer allows on a stream from the start. */
  initialLimit(direction: StreamDirection, ours: boolean): number {
    if (!this.#host.features.quicFrames) return Number.POSITIVE_INFINITY;
    if (direction === "unidirectional") return this.#peer.initialMaxStreamDataUni;
    return ours ? this.#peer.initialMaxStreamDataBidiRemote : this.#peer.initialMaxStreamDataBidiLocal;
  }

  // --- What wants to leave ------------------------------------------------------------------------------------------

  activate(stream: QmuxStream): void {
    if (stream.heapIndex < 0 && stream.wants !== "nothing") this.#ready.put(stream);
  }

  reordered(stream: QmuxStream): void {
    this.#ready.moved(stream);
  }

  /** The stream will send no more. */
  forget(stream: QmuxStream): void {
    this.#ready.remove(stream);
    this.#starved.delete(stream);
    this.#own[stream.direction].waiting.delete(stream);
  }

  /** Queues a frame of the protocol. Throws QmuxError INTERNAL_ERROR when the peer causes too many. */
  control(frame: ControlFrame): void {
    if (this.#control.length >= maxControlFrames) {
      throw new QmuxError(
        "INTERNAL_ERROR",
        `More than ${maxControlFrames} answers wait for a peer that does not read them.`,
      );
    }
    this.#control.push(frame);
  }

  pong(sequence: bigint): void {
    this.control((to, at) => writePing(to, at, sequence, true));
  }

  ping(sequence: bigint): void {
    this.control((to, at) => writePing(to, at, sequence, false));
  }

  reset(stream: QmuxStream, code: bigint): void {
    this.forget(stream);
    const { streamNumber, sentBytes } = stream;
    if (streamNumber < 0) return;
    const finalSize = this.#host.features.quicFrames ? sentBytes : undefined;
    this.control((to, at) => writeReset(to, at, streamNumber, code, finalSize));
  }

  stop(id: number, code: bigint): void {
    this.control((to, at) => writeStop(to, at, id, code));
  }

  maxData(limit: number): void {
    this.control((to, at) => writeLimit(to, at, "MAX_DATA", limit));
  }

  maxStreams(direction: StreamDirection, count: number): void {
    this.control((to, at) => writeStreamCount(to, at, "MAX_STREAMS", direction, count));
  }

  maxStreamData(stream: QmuxStream): void {
    if (!stream.receiveOpen) return;
    const limit = stream.raiseLimit();
    this.control((to, at) => writeStreamLimit(to, at, "MAX_STREAM_DATA", stream.streamNumber, limit));
  }

  clear(): void {
    this.#control.length = 0;
    this.finished.length = 0;
  }

  // --- Messages -----------------------------------------------------------------------------------------------------

  /** The next message; undefined if nothing can leave. Sources are asked for their bytes here. */
  message(): Uint8Array | undefined {
    const { messageBytes } = this;
    if (this.#block.length - this.#used < messageBytes) {
      this.#block = new Uint8Array(blockBytes);
      this.#used = 0;
    }
    const to = this.#block;
    const begin = this.#used;
    const end = begin + messageBytes;
    let at = begin;
    const single = !this.#host.features.records;
    while (this.#control.length > 0 && end - at >= maxControlFrameBytes) {
      at = (this.#control.shift() as ControlFrame)(to, at);
      if (single) break;
    }
    while (at === begin || !single) {
      const next = this.#next(to, begin, at, end);
      if (next === at) break;
      at = next;
    }
    // What was blocked may have left a word about it.
    if (at === begin) return this.#control.length > 0 ? this.message() : undefined;
    this.#used = at;
    return to.subarray(begin, at);
  }

  /** Writes one DATAGRAM or STREAM frame, the most urgent there is; `at` if none fits or none is ready. */
  #next(to: Uint8Array, begin: number, at: number, end: number): number {
    for (;;) {
      const stream = this.#ready.first;
      const { datagrams } = this.#host;
      const datagram = datagrams.length > 0 ? datagrams.first(this.#host.now()) : undefined;
      if (datagram !== undefined && (stream === undefined || compareKeys(datagram.key, stream.key) <= 0)) {
        if (datagramFrameBytes(datagram.payload.length) > end - at) return at;
        datagrams.take(datagram);
        this.sentDatagrams++;
        return writeDatagram(to, at, datagram.payload);
      }
      if (stream === undefined) return at;
      if (!this.#mayOpen(stream)) continue;
      const next = this.#stream(stream, to, at, end, at === begin);
      if (next === undefined) return at;
      if (next !== at) return next;
    }
  }

  /** Gives the stream its id; false if the peer allows no more, and then it waits. */
  #mayOpen(stream: QmuxStream): boolean {
    if (stream.streamNumber >= 0 || stream.wants === "nothing") return true;
    const { direction } = stream;
    const own = this.#own[direction];
    if (own.opened >= own.limit) {
      this.#ready.remove(stream);
      own.waiting.add(stream);
      if (own.blockedAt !== own.limit && own.limit > 0) {
        own.blockedAt = own.limit;
        this.control((to, at) => writeStreamCount(to, at, "STREAMS_BLOCKED", direction, own.blockedAt));
      }
      return false;
    }
    const id = own.opened++ * 4 + (direction === "unidirectional" ? 2 : 0) + this.#idBits;
    stream.sendLimit = this.initialLimit(direction, true);
    const stop = stream.opened(id);
    if (stop !== undefined) this.stop(id, stop);
    this.#host.opened(stream);
    return true;
  }

  /** Writes a frame of the stream. `at`: it has nothing to send after all. Undefined: the message is full. */
  #stream(stream: QmuxStream, to: Uint8Array, at: number, end: number, first: boolean): number | undefined {
    const wants = stream.wants;
    if (wants === "nothing") {
      this.#ready.remove(stream);
      return at;
    }
    const credit = Math.min(stream.sendLimit - stream.sentBytes, this.#sendLimit - this.#sentBytes, maxStreamPayload);
    if (wants === "bytes" && credit <= 0 && !(stream.eager && stream.sentBytes === 0)) {
      this.#blocked(stream);
      return at;
    }
    const room = end - at - streamOverhead(this.#host.features.quicFrames, stream.streamNumber, stream.sentBytes);
    if (room < (wants === "end" ? 0 : first ? 1 : leastPayload)) return undefined;
    const before = stream.sentBytes;
    const next = stream.fill(to, at, end, credit);
    this.#sentBytes += stream.sentBytes - before;
    if (stream.sentAll) {
      this.forget(stream);
      this.finished.push(stream);
    } else if (stream.wants === "nothing" || next === at) this.#ready.remove(stream);
    else if (stream.heapIndex >= 0) this.#ready.put(stream); // behind its equals: they take turns
    return next;
  }

  #blocked(stream: QmuxStream): void {
    this.#ready.remove(stream);
    const { streamNumber, sendLimit } = stream;
    if (stream.sentBytes < sendLimit) {
      this.#starved.add(stream);
      if (this.#blockedAt === this.#sendLimit) return;
      this.#blockedAt = this.#sendLimit;
      this.control((to, at) => writeLimit(to, at, "DATA_BLOCKED", this.#blockedAt));
    } else if (stream.blockedAt !== sendLimit) {
      stream.blockedAt = sendLimit;
      this.control((to, at) => writeStreamLimit(to, at, "STREAM_DATA_BLOCKED", streamNumber, sendLimit));
    }
  }
}
