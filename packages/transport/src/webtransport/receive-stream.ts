/**
 * `WebTransportReceiveStream`: a readable byte stream over a sink. Bytes wait here until they are read, and only then is the
 * peer allowed as many more: a reader that stops stops the sender. BYOB readers get them copied straight into their buffer.
 */
import type { ReadableByteStreamController } from "node:stream/web";
import type { IncomingStream, ReceiveSink, ReceiveStream } from "../streams.ts";
import { codeOfReason, endedByPeer, WebTransportError } from "./error.ts";

/** Counters of a receive stream (W3C `WebTransportReceiveStreamStats`). */
export interface WebTransportReceiveStreamStats {
  /** Arrived, in order. */
  readonly bytesReceived: number;
  /** Given to the reader. */
  readonly bytesRead: number;
}

/** Arriving bytes are gathered in blocks of at most this size. */
const largestBlockBytes = 65_536;
const smallestBlockBytes = 1024;
const none = new Uint8Array(0);

/** Between the transport's sink and the readable stream. */
export class Inlet implements ReceiveSink {
  bytesReceived = 0;
  bytesRead = 0;
  /** Called once, when the direction is over however it ended. */
  onEnd: (() => void) | undefined;
  #controller: ReadableByteStreamController | undefined;
  #stream: Pick<ReceiveStream, "stop" | "credit"> | undefined;
  /** What waits: parts of blocks, in order. */
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #block = none;
  #filled = 0;
  #begun = 0;
  #finished = false;
  #over = false;
  /** The reader asked and got nothing yet. */
  #wanted = false;

  // --- ReceiveSink --------------------------------------------------------------------------------------------------

  opened(stream: ReceiveStream | IncomingStream): void {
    this.#stream = stream;
    stream.autoCredit = false;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.bytesReceived += end - start;
    for (let at = start; at < end; ) {
      if (this.#filled === this.#block.length) this.#newBlock(end - at);
      const count = Math.min(end - at, this.#block.length - this.#filled);
      this.#block.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
    }
    if (this.#wanted) this.#deliver();
  }

  finished(): void {
    this.#finished = true;
    if (this.#wanted || this.#empty) this.#deliver();
  }

  reset(code: bigint): void {
    this.fail(endedByPeer(code, "abandoned"));
  }

  closed(): void {
    this.fail(new WebTransportError("The session ended before the stream did.", { source: "session" }));
  }

  // --- The readable stream ------------------------------------------------------------------------------------------

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller;
  }

  pull(): void {
    this.#wanted = true;
    this.#deliver();
  }

  cancel(reason: unknown): void {
    this.#stream?.stop(codeOfReason(reason));
    this.#end();
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#controller?.error(error);
  }

  get #empty(): boolean {
    return this.#chunks.length === 0 && this.#filled === this.#begun;
  }

  #newBlock(atLeast: number): void {
    if (this.#filled > this.#begun) this.#chunks.push(this.#block.subarray(this.#begun, this.#filled));
    const size = Math.min(largestBlockBytes, Math.max(smallestBlockBytes, atLeast, this.#block.length * 4));
    this.#block = new Uint8Array(size);
    this.#filled = this.#begun = 0;
  }

  #deliver(): void {
    const controller = this.#controller;
    if (controller === undefined || this.#over) return;
    if (this.#empty) {
      if (!this.#finished) return;
      this.#end();
      controller.close();
      (controller.byobRequest as { respond(bytes: number): void } | null)?.respond(0);
      return;
    }
    this.#wanted = false;
    const request = controller.byobRequest as { view: Uint8Array | null; respond(bytes: number): void } | null;
    let count: number;
    if (request?.view) {
      count = this.#copyInto(new Uint8Array(request.view.buffer, request.view.byteOffset, request.view.byteLength));
      this.#account(count);
      request.respond(count);
    } else {
      const chunk = this.#take();
      count = chunk.length;
      this.#account(count);
      controller.enqueue(chunk);
    }
    if (this.#finished && this.#empty) this.#deliver();
  }

  #account(count: number): void {
    this.bytesRead += count;
    this.#stream?.credit(count);
  }

  /** The oldest bytes in a buffer of their own, since what is enqueued is transferred: a block that is mostly bytes, or a copy. */
  #take(): Uint8Array<ArrayBuffer> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return chunk.length * 2 >= chunk.buffer.byteLength ? chunk : chunk.slice();
    const rest = this.#block.subarray(this.#begun, this.#filled);
    if (rest.length * 2 < this.#block.length) {
      this.#begun = this.#filled;
      return rest.slice();
    }
    this.#block = none;
    this.#filled = this.#begun = 0;
    return rest;
  }

  #copyInto(target: Uint8Array): number {
    let written = 0;
    while (written < target.length && !this.#empty) {
      const [first] = this.#chunks;
      const source = first ?? this.#block.subarray(this.#begun, this.#filled);
      const count = Math.min(source.length, target.length - written);
      target.set(source.subarray(0, count), written);
      written += count;
      if (first === undefined) this.#begun += count;
      else if (count === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
    }
    return written;
  }

  #end(): void {
    this.#over = true;
    this.#chunks.length = 0;
    this.#block = none;
    this.#filled = this.#begun = 0;
    this.onEnd?.();
    this.onEnd = undefined;
  }
}

/** A one-way stream of the peer, or the receiving side of a stream both ways. */
export class WebTransportReceiveStream extends ReadableStream<Uint8Array> {
  readonly #inlet: Inlet;

  /** @internal Made by a session. */
  constructor(inlet: Inlet) {
    super(
      {
        type: "bytes",
        start: (controller) => inlet.start(controller as ReadableByteStreamController),
        pull: () => inlet.pull(),
        cancel: (reason) => inlet.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    this.#inlet = inlet;
  }

  async getStats(): Promise<WebTransportReceiveStreamStats> {
    const { bytesReceived, bytesRead } = this.#inlet;
    return { bytesReceived, bytesRead };
  }
}
