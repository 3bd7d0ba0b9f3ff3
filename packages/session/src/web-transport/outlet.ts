/** Sends what a source has on a W3C stream: a chunk at a time, when the stream wants one. */
import type { SendSource, SendStream, SortKey } from "../transport.ts";
import { codeIn, streamError } from "./shape.ts";

/** Pulled at once. Small, because what was pulled cannot be taken back when something more urgent comes. */
const chunkBytes = 16_384;

/** A W3C stream may let its order be changed; Chromium's does not. */
type OrderedWritable = WritableStream<Uint8Array> & { sendOrder?: number };

export class Outlet implements SendStream {
  readonly #order: (key: SortKey) => number;
  readonly #failed: (error: unknown) => void;
  #source: SendSource | undefined;
  #writable: OrderedWritable | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #sendOrder: number | undefined;
  #resetWith: number | bigint | undefined;
  #wake: (() => void) | undefined;

  /** @param failed Told when the source throws. */
  constructor(order: (key: SortKey) => number, failed: (error: unknown) => void) {
    this.#order = order;
    this.#failed = failed;
  }

  /** Gives the stream its source, once. */
  attach(source: SendSource, key: SortKey): void {
    this.#source = source;
    this.setSortKey(key);
    this.activate();
  }

  activate(): void {
    this.#wake?.();
  }

  setSortKey(key: SortKey): void {
    this.#sendOrder = this.#order(key);
    if (this.#writable?.sendOrder !== undefined) this.#writable.sendOrder = this.#sendOrder;
  }

  reset(code: number | bigint): void {
    if (this.#source === undefined) return;
    this.#resetWith = code;
    void this.#writer?.abort(streamError(code)).catch(ignore);
    this.over();
  }

  /** The order to open the stream with. */
  get sendOrder(): number {
    return this.#sendOrder ?? 0;
  }

  /** Stream or session is over. */
  over(): void {
    const source = this.#source;
    this.#source = undefined;
    this.#wake?.();
    source?.closed?.();
  }

  /** Sends until the source has finished, the peer wants no more, or the session is over. Never rejects. */
  async run(writable: OrderedWritable): Promise<void> {
    const writer = writable.getWriter();
    this.#writable = writable;
    this.#writer = writer;
    writer.closed.catch((error: unknown) => this.#stopped(error));
    if (this.#resetWith !== undefined) void writer.abort(streamError(this.#resetWith)).catch(ignore);
    try {
      await this.#send(writer);
    } catch (error) {
      this.#stopped(error);
    }
  }

  async #send(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    for (;;) {
      await writer.ready;
      const source = this.#source;
      if (source === undefined) return;
      const chunk = this.#pull(source);
      if (chunk !== undefined)
        writer.write(chunk).catch(ignore); // told by `closed`
      else if (source.finished) {
        await writer.close();
        this.#source?.acked?.();
        this.over();
        return;
      } else await this.#activated();
    }
  }

  /** What the source has, in memory of its own: the stream may keep it. */
  #pull(source: SendSource): Uint8Array | undefined {
    if (!source.pending) return undefined;
    const chunk = new Uint8Array(chunkBytes);
    try {
      const length = source.pull(chunk, 0, chunk.length);
      return length === 0 ? undefined : chunk.subarray(0, length);
    } catch (error) {
      this.reset(0);
      this.#failed(error);
      return undefined;
    }
  }

  #activated(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #stopped(error: unknown): void {
    const code = codeIn(error);
    if (code !== undefined) this.#source?.stopped?.(code);
    this.over();
  }
}

function ignore(): void {}
