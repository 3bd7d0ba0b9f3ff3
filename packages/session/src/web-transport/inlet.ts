/** Reads a W3C stream into a sink, no faster than the sink's user takes it. */
import type { ReceiveSink } from "../transport.ts";
import { codeIn, streamError } from "./shape.ts";

/** Bytes read and not taken yet above which reading waits: as much as raw QUIC lets a stream have under way. */
const creditBytes = 262_144;

export class Inlet {
  autoCredit = true;
  readonly #failed: (error: unknown) => void;
  #sink: ReceiveSink | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #stopWith: number | bigint | undefined;
  #untaken = 0;
  #wake: (() => void) | undefined;

  /** @param failed Told when the sink throws. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  stop(code: number | bigint): void {
    if (this.#stopWith !== undefined) return;
    this.#stopWith = code;
    this.#sink = undefined;
    void this.#reader?.cancel(streamError(code)).catch(ignore);
    this.#wake?.();
  }

  credit(bytes: number): void {
    this.#untaken -= bytes;
    if (this.#untaken < creditBytes) this.#wake?.();
  }

  /** The session is over. */
  over(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#stopWith ??= 0;
    this.#wake?.();
    sink?.closed?.();
  }

  /** Reads until the stream or the session is over. `open` gives the sink once the first bytes, or the end, are there. */
  async run(readable: ReadableStream<Uint8Array>, open: () => ReceiveSink): Promise<void> {
    const reader = readable.getReader();
    this.#reader = reader;
    if (this.#stopWith !== undefined) {
      await reader.cancel(streamError(this.#stopWith)).catch(ignore);
      return;
    }
    let opened = false;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.#stopWith !== undefined) return;
        if (!opened) {
          opened = true;
          this.#call(() => {
            this.#sink = open();
          });
        }
        if (value !== undefined && value.length > 0) await this.#take(value);
        if (done) {
          this.#end((sink) => sink.finished());
          return;
        }
      }
    } catch (error) {
      const code = codeIn(error);
      this.#end((sink) => (code === undefined ? sink.closed?.() : sink.reset(code)));
    }
  }

  async #take(bytes: Uint8Array): Promise<void> {
    if (!this.autoCredit) this.#untaken += bytes.length;
    this.#call(() => this.#sink?.data(bytes, 0, bytes.length));
    while (this.#untaken >= creditBytes && this.#stopWith === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #end(tell: (sink: ReceiveSink) => void): void {
    const sink = this.#sink;
    this.#sink = undefined;
    if (sink !== undefined) this.#call(() => tell(sink));
  }

  #call(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.stop(0);
      this.#failed(error);
    }
  }
}

function ignore(): void {}
