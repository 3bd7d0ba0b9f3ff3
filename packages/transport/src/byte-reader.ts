/** The comfortable way to receive: the bytes of one stream as an async iterable, with real back-pressure. */
import type { ErrorCode } from "./error-code.ts";
import { TransportError } from "./errors.ts";
import type { ReceiveSink, ReceiveStream } from "./streams.ts";
import { joined } from "./varint.ts";

/** Arriving bytes are gathered in blocks of this size: one promise and one chunk for many packets. */
const blockBytes = 65_536;

/**
 * Read a stream by `for await (const chunk of reader)`, `read()` or `bytes()`. The peer may have no more under way than
 * the stream's receive credit (256 KiB by default) until chunks are taken: a reader that stops reading stops the sender.
 */
export class ByteReader implements ReceiveSink, AsyncIterable<Uint8Array> {
  #blocks: Uint8Array[] = [];
  /** The block being filled, and how far. */
  #block: Uint8Array | undefined;
  #filled = 0;
  /** Where the part of the block that was not handed out yet begins. */
  #begun = 0;
  #buffered = 0;
  #stream: ReceiveStream | undefined;
  #done = false;
  #failure: TransportError | undefined;
  #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;

  /** Bytes that have arrived and were not taken. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /**
   * The next bytes, or undefined at the end of the stream. Rejects with `stream-reset` when the peer abandoned it and
   * `closed` when the connection ended first. One call at a time.
   */
  read(): Promise<Uint8Array | undefined> {
    if (this.#waiting !== undefined) {
      return Promise.reject(
        new TransportError("option-invalid", { option: "read", detail: "another read still waits" }),
      );
    }
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#done) return Promise.resolve(undefined);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Everything to the end in one array. Rejects with `queue-full` above `limitBytes` (default 16 MiB). */
  async bytes(limitBytes = 16_777_216): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of this) {
      total += chunk.length;
      if (total > limitBytes) throw new TransportError("queue-full", { bytes: total, limit: limitBytes });
      chunks.push(chunk);
    }
    return joined(...chunks);
  }

  /** Asks the peer to stop; what is buffered is dropped and reading ends. */
  stop(code: ErrorCode = 0): void {
    this.#stream?.stop(code);
    this.#blocks = [];
    this.#block = undefined;
    this.#buffered = 0;
    this.#done = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    let complete = false;
    try {
      for (;;) {
        const chunk = await this.read();
        if (chunk === undefined) {
          complete = true;
          return;
        }
        yield chunk;
      }
    } catch (error) {
      complete = true;
      throw error;
    } finally {
      if (!complete) this.stop(); // the caller broke off
    }
  }

  // --- ReceiveSink ------------------------------------------------------------------------------------------------

  opened(stream: ReceiveStream): void {
    this.#stream = stream;
    stream.autoCredit = false;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#buffered += end - start;
    let at = start;
    while (at < end) {
      if (this.#block === undefined || this.#filled === this.#block.length) this.#newBlock(end - at);
      const block = this.#block as Uint8Array;
      const count = Math.min(end - at, block.length - this.#filled);
      block.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
    }
    this.#wake();
  }

  finished(): void {
    this.#done = true;
    this.#wake();
  }

  reset(code: bigint): void {
    this.#fail(new TransportError("stream-reset", { code: String(code) }));
  }

  closed(why = new TransportError("closed", { what: "connection" })): void {
    this.#fail(why);
  }

  #newBlock(atLeast: number): void {
    if (this.#block !== undefined && this.#filled > this.#begun) {
      this.#blocks.push(this.#block.subarray(this.#begun, this.#filled));
    }
    // A short stream gets a small block, a long one grows to full blocks.
    const size = Math.min(blockBytes, Math.max(1024, atLeast, (this.#block?.length ?? 0) * 4));
    this.#block = new Uint8Array(size);
    this.#filled = this.#begun = 0;
  }

  #take(): Uint8Array | undefined {
    let chunk = this.#blocks.shift();
    if (chunk === undefined && this.#block !== undefined && this.#filled > this.#begun) {
      chunk = this.#block.subarray(this.#begun, this.#filled);
      this.#begun = this.#filled;
    }
    if (chunk === undefined) return undefined;
    this.#buffered -= chunk.length;
    this.#stream?.credit(chunk.length);
    return chunk;
  }

  #wake(): void {
    if (this.#waiting === undefined) return;
    const chunk = this.#take();
    if (chunk === undefined && !this.#done) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting.resolve(chunk);
  }

  #fail(failure: TransportError): void {
    this.#failure = failure;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(failure);
  }
}
