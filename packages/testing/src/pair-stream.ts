/** Streams of the in-memory pair: each direction is a pipe that pulls from its source straight into the reader's sink. */

import type { PairEnd } from "./pair-end.ts";

export type SortKeyShape = readonly [number, number, number, number];
export type Direction = "unidirectional" | "bidirectional";

export interface SourceShape {
  readonly pending: boolean;
  readonly finished: boolean;
  pull(target: Uint8Array, offset: number, max: number): number;
  stopped?(code: bigint): void;
  acked?(): void;
  closed?(): void;
}

export interface SinkShape {
  data(bytes: Uint8Array, start: number, end: number): void;
  finished(): void;
  reset(code: bigint): void;
  closed?(): void;
}

export function compareKeys(a: SortKeyShape, b: SortKeyShape): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** Bytes are pulled at this offset of the packet, so that a source which ignores `offset` is found out. */
const packetOffset = 3;

/** One direction of one stream. */
export class Pipe {
  readonly writer: PairStream;
  readonly source: SourceShape;
  key: SortKeyShape;
  active: boolean;
  /** The reader's handle; exists from the first byte on. */
  reader: PairStream | undefined;
  autoCredit = true;
  /** FIN or RESET_STREAM left. */
  sent = false;
  /** The writer was told that nothing more happens. */
  #writerDone = false;
  #readerDone = false;
  #credit: number;

  constructor(writer: PairStream, source: SourceShape, key: SortKeyShape) {
    this.writer = writer;
    this.source = source;
    this.key = key;
    this.active = source.pending || source.finished;
    this.#credit = writer.owner.streamCreditBytes;
  }

  get writerDone(): boolean {
    return this.#writerDone;
  }

  get readerDone(): boolean {
    return this.#readerDone;
  }

  /** Something can leave now: bytes that credit and the link's allowance permit, or FIN. */
  ready(allowance: number): boolean {
    if (this.sent || !this.active) return false;
    if (this.source.pending) return allowance > 0 && this.#credit > 0;
    if (this.source.finished) return true;
    this.active = false;
    return false;
  }

  /** Sends at most `allowance` bytes; returns how many went. */
  move(allowance: number): number {
    const { source, writer } = this;
    const max = Math.min(allowance, this.#credit);
    const packet = new Uint8Array(packetOffset + Math.max(0, max));
    let length = 0;
    if (source.pending) {
      length = source.pull(packet, packetOffset, max);
      if (this.sent) return 0; // the source reset its own stream
      if (length <= 0 || length > max) throw new Error(`A source gave ${length} bytes where 1 to ${max} were asked.`);
      this.#credit -= length;
    }
    const fin = !source.pending && source.finished;
    if (fin) this.sent = true;
    this.reader ??= writer.owner.show(writer, this);
    if (length > 0 && !this.#readerDone) {
      this.reader.sink?.data(packet, packetOffset, packetOffset + length);
      packet.fill(0xee); // what was valid during the call is garbage afterwards, as in a reused arena
      if (this.autoCredit) this.#credit += length;
    }
    if (fin) {
      this.#endReading((sink) => sink.finished());
      writer.owner.peer.cross(() => {
        if (!this.#writerDone) source.acked?.();
        this.endWriting();
      });
    }
    return length;
  }

  credit(bytes: number): void {
    this.#credit += bytes;
    this.writer.owner.wake();
  }

  reset(code: bigint): void {
    if (this.sent) return;
    this.sent = true;
    const { owner } = this.writer;
    if (this.reader) {
      owner.counters.resetsSent++;
      owner.cross(() => this.#endReading((sink) => sink.reset(code)));
    }
    // Told in a later step: the caller may be in the middle of its own work.
    owner.peer.cross(() => this.endWriting());
  }

  stop(code: bigint): void {
    if (this.#readerDone || !this.reader) return;
    this.#readerDone = true;
    const { owner } = this.reader;
    owner.counters.stopsSent++;
    owner.cross(() => {
      if (!this.sent) this.source.stopped?.(code);
    });
    this.reader.releaseWhenOver();
  }

  endWriting(): void {
    if (this.#writerDone) return;
    this.#writerDone = true;
    this.sent = true;
    this.source.closed?.();
    this.writer.releaseWhenOver();
  }

  /** The connection ended under the reader. */
  abandonReading(): void {
    this.#endReading((sink) => sink.closed?.());
  }

  #endReading(tell: (sink: SinkShape) => void): void {
    if (this.#readerDone || !this.reader) return;
    this.#readerDone = true;
    if (this.reader.sink) tell(this.reader.sink);
    this.reader.releaseWhenOver();
  }
}

/** A stream as the end that holds it sees it: a writing direction, a reading one, or both. */
export class PairStream {
  readonly owner: PairEnd;
  readonly direction: Direction;
  sink: SinkShape | undefined;
  out: Pipe | undefined;
  in: Pipe | undefined;
  /** The other end's handle of the same stream. */
  twin: PairStream | undefined;
  #id: bigint | undefined;

  constructor(owner: PairEnd, direction: Direction) {
    this.owner = owner;
    this.direction = direction;
  }

  /** Undefined on a stream opened here until its first byte left. */
  get id(): bigint {
    return this.#id as bigint;
  }

  set id(id: bigint) {
    this.#id = id;
  }

  get autoCredit(): boolean {
    return this.in?.autoCredit ?? true;
  }

  set autoCredit(value: boolean) {
    if (this.in) this.in.autoCredit = value;
  }

  activate(): void {
    if (!this.out || this.out.sent) return;
    this.out.active = true;
    this.owner.wake();
  }

  setSortKey(key: SortKeyShape): void {
    if (this.out) this.out.key = key;
  }

  reset(code: number | bigint): void {
    this.out?.reset(BigInt(code));
  }

  stop(code: number | bigint): void {
    this.in?.stop(BigInt(code));
  }

  credit(bytes: number): void {
    this.in?.credit(bytes);
  }

  setSource(source: SourceShape, key: SortKeyShape): void {
    this.out = new Pipe(this, source, key);
    this.owner.wake();
  }

  releaseWhenOver(): void {
    const writing = this.out ? !this.out.writerDone : this.direction === "bidirectional";
    const reading = this.in ? !this.in.readerDone : this.direction === "bidirectional";
    if (!writing && !reading) this.owner.release(this);
  }

  /** The connection ended. */
  end(): void {
    this.out?.endWriting();
    if (this.in) this.in.abandonReading();
    else this.sink?.closed?.();
  }
}
