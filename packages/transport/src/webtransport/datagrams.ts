/** Datagrams of a session as streams (W3C `WebTransportDatagramDuplexStream`). */
import type { ReadableByteStreamController, ReadableStreamDefaultController } from "node:stream/web";
import type { Connection } from "../connection.ts";
import { TransportError } from "../errors.ts";
import { datagramSortKey, type WebTransportSendGroup } from "./send-order.ts";
import { asOrder, copyOf, type WebTransportSendOptions } from "./send-stream.ts";
import type { BufferSource } from "./web-types.ts";

/** Datagrams that wait to be read, and age at which they are dropped, unless the user says otherwise. */
const defaultBuffered = 64;

/** Counters of datagrams (W3C `WebTransportDatagramStats`). */
export interface WebTransportDatagramStats {
  /** Arrived and dropped because nobody read them in time. */
  readonly droppedIncoming: number;
  /** Arrived and dropped because they were older than `incomingMaxAge`. */
  readonly expiredIncoming: number;
  /** Written and never sent: too old, too large, or too many. */
  readonly expiredOutgoing: number;
  /** Lost on the way: not known, always 0. */
  readonly lostOutgoing: number;
}

interface Waiting {
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly at: number;
}

/** The datagrams of one session. */
export class WebTransportDatagramDuplexStream {
  readonly readable: ReadableStream<Uint8Array>;
  /** Chunks written here leave as datagrams. Browsers' older form of `createWritable()`. */
  readonly writable: WebTransportDatagramsWritable;
  readonly #connection: () => Connection | undefined;
  readonly #ready: Promise<unknown>;
  #controller!: ReadableStreamDefaultController<Uint8Array> | ReadableByteStreamController;
  readonly #queue: Waiting[] = [];
  #wanted = false;
  #over = false;
  #incomingMaxAge: number | null = null;
  #outgoingMaxAge: number | null = null;
  #incomingBuffered = defaultBuffered;
  #outgoingBuffered = defaultBuffered;
  #dropped = 0;
  #expiredIncoming = 0;
  #expiredOutgoing = 0;

  /** @internal Made by a session. */
  constructor(connection: () => Connection | undefined, ready: Promise<unknown>, bytes: boolean) {
    this.#connection = connection;
    this.#ready = ready;
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array> | ReadableByteStreamController) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#wanted = true;
        this.#deliver();
      },
      cancel: () => {
        this.#over = true;
        this.#queue.length = 0;
      },
    };
    this.readable = bytes
      ? new ReadableStream({ type: "bytes", ...source }, { highWaterMark: 0 })
      : new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
    this.writable = this.createWritable();
  }

  /** A stream whose chunks leave as datagrams, with an order of its own. */
  createWritable(options: WebTransportSendOptions = {}): WebTransportDatagramsWritable {
    return new WebTransportDatagramsWritable((chunk, order) => this.#send(chunk, order), options);
  }

  /** Largest payload that fits now, in bytes; 0 when the peer takes none. */
  get maxDatagramSize(): number {
    return this.#connection()?.maxDatagramSize ?? 0;
  }

  /** Arrived datagrams older than this many milliseconds are dropped unread; null: none is. */
  get incomingMaxAge(): number | null {
    return this.#incomingMaxAge;
  }

  set incomingMaxAge(age: number | null) {
    this.#incomingMaxAge = checkedAge("incomingMaxAge", age);
  }

  /** Written datagrams that could not leave for this many milliseconds are dropped; null: none is. */
  get outgoingMaxAge(): number | null {
    return this.#outgoingMaxAge;
  }

  set outgoingMaxAge(age: number | null) {
    this.#outgoingMaxAge = checkedAge("outgoingMaxAge", age);
  }

  /** Arrived datagrams that wait at most; the oldest is dropped for the next. Default 64. */
  get incomingMaxBufferedDatagrams(): number {
    return this.#incomingBuffered;
  }

  set incomingMaxBufferedDatagrams(count: number) {
    this.#incomingBuffered = Math.max(1, Math.trunc(count));
  }

  /**
   * With so many waiting to leave, of all the connection's, a write waits until there are fewer. Default 64. Above 256, what
   * the connection queues, the oldest give way instead.
   */
  get outgoingMaxBufferedDatagrams(): number {
    return this.#outgoingBuffered;
  }

  set outgoingMaxBufferedDatagrams(count: number) {
    this.#outgoingBuffered = Math.max(1, Math.trunc(count));
  }

  /** Older name of `incomingMaxBufferedDatagrams`. */
  get incomingHighWaterMark(): number {
    return this.#incomingBuffered;
  }

  set incomingHighWaterMark(count: number) {
    this.incomingMaxBufferedDatagrams = count;
  }

  /** Older name of `outgoingMaxBufferedDatagrams`. */
  get outgoingHighWaterMark(): number {
    return this.#outgoingBuffered;
  }

  set outgoingHighWaterMark(count: number) {
    this.outgoingMaxBufferedDatagrams = count;
  }

  // --- From the session ---------------------------------------------------------------------------------------------

  /** @internal */
  arrived(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    if (this.#queue.length >= this.#incomingBuffered) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#queue.push({ payload: new Uint8Array(bytes.subarray(start, end)), at: performance.now() });
    if (this.#wanted) this.#deliver();
  }

  /** @internal */
  neverLeft(count: number): void {
    this.#expiredOutgoing += count;
  }

  /** @internal The session is over: cleanly, or with an error. */
  end(error: unknown): void {
    if (!this.#over) {
      this.#over = true;
      this.#queue.length = 0;
      if (error === undefined) this.#controller.close();
      else this.#controller.error(error);
    }
    this.writable.end(error);
  }

  /** @internal */
  get counters(): WebTransportDatagramStats {
    return {
      droppedIncoming: this.#dropped,
      expiredIncoming: this.#expiredIncoming,
      expiredOutgoing: this.#expiredOutgoing,
      lostOutgoing: 0,
    };
  }

  #deliver(): void {
    const oldest = this.#incomingMaxAge === null ? 0 : performance.now() - this.#incomingMaxAge;
    while ((this.#queue[0]?.at ?? Number.POSITIVE_INFINITY) < oldest) {
      this.#queue.shift();
      this.#expiredIncoming++;
    }
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#wanted = false;
    const { byobRequest } = this.#controller as { byobRequest?: ByobRequest | null };
    if (byobRequest?.view) {
      const { buffer, byteOffset, byteLength } = byobRequest.view;
      if (byteLength < next.payload.length) {
        this.#over = true;
        this.#controller.error(
          new RangeError(`A datagram of ${next.payload.length} bytes does not fit into ${byteLength}.`),
        );
        return;
      }
      new Uint8Array(buffer, byteOffset, byteLength).set(next.payload);
      byobRequest.respond(next.payload.length);
    } else if (next.payload.length > 0 || byobRequest === undefined) {
      (this.#controller as ReadableStreamDefaultController<Uint8Array>).enqueue(next.payload);
    } else this.#wanted = true; // a byte stream has no empty chunks
  }

  async #send(chunk: unknown, order: bigint): Promise<void> {
    const bytes = copyOf(chunk);
    await this.#ready;
    const age = this.#outgoingMaxAge;
    const connection = this.#connection();
    const sent = connection?.sendDatagram(bytes, {
      sortKey: datagramSortKey(order),
      ...(age === null ? {} : { deadlineMs: age }),
    });
    if (connection === undefined || sent !== true) {
      this.#expiredOutgoing++; // W3C drops what does not fit without a word
      return;
    }
    const most = this.#outgoingBuffered;
    if (connection.queuedDatagrams >= most) await connection.datagramRoom(most);
  }
}

interface ByobRequest {
  readonly view: Uint8Array | null;
  respond(bytes: number): void;
}

/** Where datagrams are written (W3C `WebTransportDatagramsWritable`). */
export class WebTransportDatagramsWritable extends WritableStream<BufferSource> {
  sendGroup: WebTransportSendGroup | null;
  #order: bigint;
  readonly #fail: (error: unknown) => void;

  /** @internal Made by a session. */
  constructor(
    send: (chunk: unknown, order: bigint) => Promise<void>,
    { sendGroup = null, sendOrder = 0 }: WebTransportSendOptions,
  ) {
    const order = asOrder(sendOrder);
    let fail = (_error: unknown): void => {};
    super({
      start: (controller) => {
        fail = (error) => controller.error(error);
      },
      write: (chunk) => send(chunk, this.#order),
    });
    this.#fail = fail;
    this.#order = order;
    this.sendGroup = sendGroup;
  }

  /** Higher leaves first; 64 bits. */
  get sendOrder(): number {
    return Number(this.#order);
  }

  set sendOrder(order: number | bigint) {
    this.#order = asOrder(order);
  }

  /** @internal */
  end(error: unknown): void {
    this.#fail(error ?? new TransportError("closed", { what: "session" }));
  }
}

function checkedAge(option: string, age: number | null): number | null {
  if (age === null || age === Number.POSITIVE_INFINITY || age === 0) return null;
  if (age > 0) return age;
  throw new RangeError(`${option} is ${age}; it may be null or a number of milliseconds above 0.`);
}
