/**
 * One end of the in-memory pair: the connection that a session is given. What crosses the link is either an event of the
 * queue (reset, stop, acknowledgement, datagram, close) or bytes pulled from the most urgent stream.
 */

import {
  compareKeys,
  type Direction,
  PairStream,
  type Pipe,
  type SinkShape,
  type SortKeyShape,
  type SourceShape,
} from "./pair-stream.ts";

export interface CloseShape {
  readonly by: string;
  readonly code: bigint;
  readonly reason: string;
}

export interface HandlerShape {
  stream(stream: PairStream, direction: Direction): SinkShape;
  datagram(bytes: Uint8Array, start: number, end: number): void;
  closed(info: CloseShape): void;
}

/** What an end knows of the link it sits on. */
export interface LinkEnd {
  readonly side: "client" | "server";
  readonly protocol: string;
  readonly maxPullBytes: number;
  readonly streamCreditBytes: number;
  readonly maxDatagramBytes: number;
  wake(): void;
}

export class PairEnd {
  readonly side: "client" | "server";
  readonly protocol: string;
  readonly remoteAddress: { address: string; port: number };
  readonly localAddress: { address: string; port: number };
  handler: HandlerShape | undefined;
  readonly closed: Promise<CloseShape>;

  /** True stops everything that would leave this end, as a dead link does. */
  #frozen = false;
  /** Stream bytes that may still leave this end. */
  #allowance = Number.POSITIVE_INFINITY;
  readonly #link: LinkEnd;
  #peer!: PairEnd;
  /** Things other than stream bytes that wait to arrive at the peer, in order. */
  readonly #outgoing: (() => void)[] = [];
  /** Every stream whose sending or receiving half lives here. */
  readonly #streams = new Set<PairStream>();
  #nextUni: bigint;
  #nextBidi: bigint;
  #ended: CloseShape | undefined;
  #resolveClosed!: (info: CloseShape) => void;
  /** Counts for assertions. */
  readonly counters = { streamsOpened: 0, bytesSent: 0, datagramsSent: 0, resetsSent: 0, stopsSent: 0 };

  constructor(link: LinkEnd) {
    this.#link = link;
    this.side = link.side;
    this.protocol = link.protocol;
    const [local, remote] = link.side === "client" ? [50000, 4443] : [4443, 50000];
    this.localAddress = { address: "127.0.0.1", port: local };
    this.remoteAddress = { address: "127.0.0.1", port: remote };
    this.#nextBidi = link.side === "client" ? 0n : 1n;
    this.#nextUni = link.side === "client" ? 2n : 3n;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Called once by the pair. */
  join(peer: PairEnd): void {
    this.#peer = peer;
  }

  get maxDatagramSize(): number {
    return this.#ended ? 0 : this.#link.maxDatagramBytes;
  }

  /** Streams that are not over yet at this end. */
  get openStreams(): number {
    return this.#streams.size;
  }

  openUnidirectional(source: SourceShape, sortKey: SortKeyShape): PairStream {
    return this.#open("unidirectional", source, undefined, sortKey);
  }

  openBidirectional(source: SourceShape, sink: SinkShape, sortKey: SortKeyShape): PairStream {
    return this.#open("bidirectional", source, sink, sortKey);
  }

  sendDatagram(payload: Uint8Array): boolean {
    if (this.#ended || payload.length > this.#link.maxDatagramBytes) return false;
    const copy = payload.slice();
    this.counters.datagramsSent++;
    this.cross(() => this.#peer.handler?.datagram(copy, 0, copy.length));
    return true;
  }

  close(close: { readonly code: number | bigint; readonly reason: string }): void {
    if (this.#ended) return;
    const code = BigInt(close.code);
    const peer = this.#peer;
    this.cross(() => peer.end({ by: "peer-application", code, reason: close.reason }));
    this.end({ by: "local", code, reason: close.reason });
  }

  stats(): Record<string, number> {
    return {};
  }

  // What follows is for tests, not part of a connection.

  /** Stops (or lets go again) everything that would leave this end. */
  freeze(frozen = true): void {
    this.#frozen = frozen;
    if (!frozen) this.#link.wake();
  }

  /** From now on only `bytes` more stream bytes may leave this end: a slow link. Infinity lifts the limit. */
  allow(bytes: number): void {
    this.#allowance = bytes;
    this.#link.wake();
  }

  /** Both ends find the connection dead, as after an idle time-out. */
  drop(by = "idle"): void {
    const info: CloseShape = { by, code: 0n, reason: "" };
    this.#peer.end(info);
    this.end(info);
  }

  // What follows is called by the pair and its streams.

  get streamCreditBytes(): number {
    return this.#link.streamCreditBytes;
  }

  wake(): void {
    this.#link.wake();
  }

  /** Queues something for the other end. */
  cross(arrive: () => void): void {
    this.#outgoing.push(arrive);
    this.#link.wake();
  }

  step(): boolean {
    if (this.#frozen) return false;
    const arrive = this.#outgoing.shift();
    if (arrive) {
      arrive();
      return true;
    }
    if (this.#ended) return false;
    const pipe = this.#mostUrgent();
    if (!pipe) return false;
    const moved = pipe.move(Math.min(this.#allowance, this.#link.maxPullBytes));
    this.#allowance -= moved;
    this.counters.bytesSent += moved;
    return true;
  }

  /** The first byte of a direction is about to arrive: finds or makes the reader's handle. */
  show(writer: PairStream, pipe: Pipe): PairStream {
    let reader = writer.twin;
    if (!reader) {
      writer.id = this.#nextId(writer.direction);
      reader = new PairStream(this.#peer, writer.direction);
      reader.id = writer.id;
      reader.twin = writer;
      writer.twin = reader;
      this.#peer.#streams.add(reader);
    }
    reader.in = pipe;
    if (!reader.sink) {
      const { handler } = this.#peer;
      if (!handler) throw new Error("A stream arrived before anybody set connection.handler.");
      reader.sink = handler.stream(reader, reader.direction);
    }
    return reader;
  }

  /** Forgets a stream whose directions are over. */
  release(stream: PairStream): void {
    this.#streams.delete(stream);
  }

  get peer(): PairEnd {
    return this.#peer;
  }

  /** Ends this side; the first call counts. */
  end(info: CloseShape): void {
    if (this.#ended) return;
    this.#ended = info;
    for (const stream of [...this.#streams]) stream.end();
    this.#streams.clear();
    this.handler?.closed(info);
    this.#resolveClosed(info);
  }

  #nextId(direction: Direction): bigint {
    this.counters.streamsOpened++;
    const id = direction === "unidirectional" ? this.#nextUni : this.#nextBidi;
    if (direction === "unidirectional") this.#nextUni += 4n;
    else this.#nextBidi += 4n;
    return id;
  }

  #open(direction: Direction, source: SourceShape, sink: SinkShape | undefined, key: SortKeyShape): PairStream {
    const stream = new PairStream(this, direction);
    stream.sink = sink;
    stream.setSource(source, key);
    if (this.#ended) stream.end();
    else this.#streams.add(stream);
    return stream;
  }

  #mostUrgent(): Pipe | undefined {
    let first: Pipe | undefined;
    for (const { out } of this.#streams) {
      if (!out?.ready(this.#allowance)) continue;
      if (!first || compareKeys(out.key, first.key) < 0) first = out;
    }
    return first;
  }
}
