/** The first bytes of a stream the peer opened: they tell what it is, and the rest goes to whom it belongs. */
import type { QuicStream } from "../quic/quic-stream.ts";
import type { ReceiveSink, StreamDirection } from "../streams.ts";
import { VarintParser } from "../varint.ts";
import { StreamType } from "./control-stream.ts";
import { FrameType } from "./frames.ts";

/** Who knows where streams belong. */
export interface StreamRouter {
  /** A stream of a WebTransport session. */
  sessionStream(stream: QuicStream, session: number): ReceiveSink;
  /** Any other stream, by its type; of a stream both ways by the type of its first frame. */
  typedStream(stream: QuicStream, direction: StreamDirection, type: number): ReceiveSink;
  /** A stream both ways that ended before it told what it is. */
  incomplete(stream: QuicStream): void;
}

/** Reads a stream's type, and the session id of a WebTransport stream. */
export class StreamHead implements ReceiveSink {
  readonly #router: StreamRouter;
  readonly #stream: QuicStream;
  readonly #direction: StreamDirection;
  readonly #type = new VarintParser();
  readonly #session = new VarintParser();
  #next: ReceiveSink | undefined;

  constructor(router: StreamRouter, stream: QuicStream, direction: StreamDirection) {
    this.#router = router;
    this.#stream = stream;
    this.#direction = direction;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#next !== undefined) {
      this.#next.data(bytes, start, end); // what a connection without a handler had gathered comes in one go
      return;
    }
    let at = this.#type.feed(bytes, start, end);
    if (!this.#type.done) return;
    const type = this.#type.value;
    if (type === (this.#direction === "unidirectional" ? StreamType.WEBTRANSPORT : FrameType.WT_STREAM)) {
      at = this.#session.feed(bytes, at, end);
      if (!this.#session.done) return;
      this.#next = this.#router.sessionStream(this.#stream, this.#session.value);
    } else this.#next = this.#router.typedStream(this.#stream, this.#direction, type);
    this.#stream.setSink(this.#next);
    if (at < end) this.#next.data(bytes, at, end);
    // With `autoCredit` the connection gives these bytes back when we return; without, the new sink knows only its own.
    if (!this.#stream.autoCredit) this.#stream.credit(at - start);
  }

  finished(): void {
    if (this.#next !== undefined) this.#next.finished();
    else if (this.#direction === "bidirectional") this.#router.incomplete(this.#stream);
  }

  reset(code: bigint): void {
    if (this.#next !== undefined) this.#next.reset(code);
    else if (this.#direction === "bidirectional") this.#router.incomplete(this.#stream);
  }

  closed(): void {
    this.#next?.closed?.();
  }
}
