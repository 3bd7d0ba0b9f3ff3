/**
 * Bytes of streams that were opened before the connection had a handler: a client's `await connect()` resumes a little
 * later than the server's first stream may arrive. Bounded by the stream's receive credit, which is not given back.
 */
import type { ReceiveSink, ReceiveStream } from "./streams.ts";

/** Keeps what comes until the real sink is there. */
export class EarlySink implements ReceiveSink {
  readonly #chunks: Uint8Array[] = [];
  #end: "finished" | "open" | bigint = "open";

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#chunks.push(bytes.slice(start, end));
  }

  finished(): void {
    this.#end = "finished";
  }

  reset(code: bigint): void {
    this.#end = code;
  }

  /** Gives the sink what came, in the order it came. */
  replay(stream: Pick<ReceiveStream, "autoCredit" | "credit">, sink: ReceiveSink): void {
    for (const chunk of this.#chunks) {
      sink.data(chunk, 0, chunk.length);
      if (stream.autoCredit) stream.credit(chunk.length);
    }
    if (this.#end === "finished") sink.finished();
    else if (this.#end !== "open") sink.reset(this.#end);
  }
}
