/** The comfortable way to send: a bounded queue of byte chunks as the source of one stream. */
import type { EarlyConnection } from "./connection.ts";
import type { ErrorCode } from "./error-code.ts";
import { TransportError } from "./errors.ts";
import type { SendSource, SendStream, SortKey } from "./streams.ts";

/** Options of {@link ByteWriter}. */
export interface ByteWriterOptions {
  /** Bytes queued before `write` says "wait", in bytes. Default 256 KiB. */
  readonly limitBytes?: number;
}

/**
 * Write bytes, and wait for `drained()` when `write` returns false:
 *
 *     const writer = ByteWriter.open(connection);
 *     for (const chunk of chunks) if (!writer.write(chunk)) await writer.drained();
 *     writer.finish();
 *
 * Chunks are not copied until a packet takes them: do not change them meanwhile.
 */
export class ByteWriter implements SendSource {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the first chunk that have left. */
  #taken = 0;
  #queued = 0;
  #ended = false;
  #stream: SendStream | undefined;
  #failure: TransportError | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #acknowledged: PromiseWithResolvers<void> | undefined;
  #acked = false;

  constructor(options: ByteWriterOptions = {}) {
    this.#limit = options.limitBytes ?? 262_144;
  }

  /** Opens a one-way stream and returns its writer. Throws `closed`. */
  static open(
    connection: EarlyConnection,
    options: ByteWriterOptions & { readonly sortKey?: SortKey } = {},
  ): ByteWriter {
    const writer = new ByteWriter(options);
    connection.openUnidirectional(writer, options.sortKey);
    return writer;
  }

  /** Bytes that wait to be put into packets. */
  get queuedBytes(): number {
    return this.#queued;
  }

  /**
   * Queues bytes. False: the queue is full now, wait for `drained()`. Throws `queue-full` if it was full before, which
   * keeps memory bounded whatever the caller does, and the stream's own error once it is over.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new TransportError("closed", { what: "writer" });
    if (this.#queued >= this.#limit) {
      throw new TransportError("queue-full", { bytes: this.#queued, limit: this.#limit });
    }
    if (bytes.length > 0) {
      this.#chunks.push(bytes);
      this.#queued += bytes.length;
      this.#stream?.activate();
    }
    return this.#queued < this.#limit;
  }

  /** Resolves when there is room; at once if there is. Rejects when the stream is over. */
  drained(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#queued < this.#limit) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** No more bytes follow: FIN leaves with the last. */
  finish(): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#ended = true;
    this.#stream?.activate();
  }

  /** Resolves when the peer has acknowledged everything up to `finish`; rejects when the stream ends before that. */
  acknowledged(): Promise<void> {
    if (this.#acked) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#acknowledged ??= Promise.withResolvers();
    return this.#acknowledged.promise;
  }

  /** Abandons the stream; what is queued is dropped. */
  reset(code: ErrorCode = 0): void {
    this.#stream?.reset(code);
    this.#end(new TransportError("closed", { what: "writer" }));
  }

  // --- SendSource -------------------------------------------------------------------------------------------------

  get pending(): boolean {
    return this.#queued > 0;
  }

  get finished(): boolean {
    return this.#ended && this.#queued === 0;
  }

  opened(stream: SendStream): void {
    this.#stream = stream;
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    let written = 0;
    while (written < max && this.#head < this.#chunks.length) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const count = Math.min(max - written, chunk.length - this.#taken);
      target.set(chunk.subarray(this.#taken, this.#taken + count), offset + written);
      written += count;
      this.#taken += count;
      if (this.#taken === chunk.length) this.#next();
    }
    this.#queued -= written;
    if (this.#drained !== undefined && this.#queued <= this.#limit / 2) {
      this.#drained.resolve(); // continues in a microtask, when the packet is built
      this.#drained = undefined;
    }
    return written;
  }

  stopped(code: bigint): void {
    this.#end(new TransportError("stream-stopped", { code: String(code) }));
  }

  acked(): void {
    this.#acked = true;
    this.#acknowledged?.resolve();
  }

  closed(why = new TransportError("closed", { what: "stream" })): void {
    if (!this.#acked) this.#end(why);
  }

  #next(): void {
    this.#taken = 0;
    this.#chunks[this.#head++] = empty;
    if (this.#head < 64 && this.#head < this.#chunks.length) return;
    this.#chunks.splice(0, this.#head);
    this.#head = 0;
  }

  #end(failure: TransportError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#chunks = [];
    this.#head = this.#taken = this.#queued = 0;
    this.#drained?.reject(failure);
    this.#acknowledged?.reject(failure);
  }
}

const empty = new Uint8Array(0);
