/** A stream of the engine: its handle, a source and a sink. */
import { type ErrorCode, highWord, lowWord } from "../error-code.ts";
import { TransportError } from "../errors.ts";
import type {
  BidirectionalStream,
  IncomingStream,
  ReceiveSink,
  SendSource,
  SortKey,
  StreamDirection,
} from "../streams.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { Runtime } from "./runtime.ts";

/** Receive credit is given back in lumps of this part of what one stream may have in flight. */
const creditShare = 4;

/** Every stream there is, as the engine's handle, a source and a sink. */
export class QuicStream implements BidirectionalStream {
  readonly direction: StreamDirection;
  readonly handle: number;
  readonly connection: QuicConnection;
  autoCredit = true;

  readonly #runtime: Runtime;
  #id: bigint | undefined;
  #source: SendSource | undefined;
  #sink: ReceiveSink | undefined;
  /** Bytes delivered and consumed whose credit was not given back yet. */
  #owed = 0;
  #sending: boolean;
  #receiving: boolean;
  #released = false;

  constructor(runtime: Runtime, connection: QuicConnection, handle: number, shape: StreamShape) {
    this.#runtime = runtime;
    this.connection = connection;
    this.handle = handle;
    this.direction = shape.direction;
    this.#id = shape.id;
    this.#sending = shape.sends;
    this.#receiving = shape.receives;
  }

  // The type says bigint | undefined; an incoming stream always has one, as its interfaces tell.
  get id(): bigint {
    if (this.#id === undefined && !this.#released && !this.#runtime.busy) {
      const id = this.#runtime.engine.streamId(this.handle);
      if (id >= 0) this.#id = BigInt(id);
    }
    return this.#id as bigint;
  }

  activate(): void {
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.activate());
      return;
    }
    this.#runtime.engine.activate(this.handle);
    this.#runtime.touch();
  }

  setSortKey(key: SortKey): void {
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.setSortKey(key));
      return;
    }
    this.#runtime.engine.setKey(this.handle, key[0], key[1], key[2], key[3]);
    this.#runtime.touch();
  }

  reset(code: ErrorCode = 0): void {
    const high = highWord(code);
    const low = lowWord(code);
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.reset(code));
      return;
    }
    this.#runtime.engine.reset(this.handle, high, low);
    this.#runtime.touch();
    this.#endSending();
  }

  stop(code: ErrorCode = 0): void {
    const high = highWord(code);
    const low = lowWord(code);
    if (this.#released || !this.#receiving) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.stop(code));
      return;
    }
    this.#runtime.engine.stop(this.handle, high, low);
    this.#runtime.touch();
    this.#receiving = false;
    this.#sink = undefined;
  }

  credit(bytes: number): void {
    if (this.#released || !this.#receiving || bytes <= 0) return;
    this.#owed += bytes;
    if (this.#owed >= this.connection.streamCreditBytes / creditShare) this.#giveCredit();
  }

  setSink(sink: ReceiveSink): void {
    if (this.#receiving) this.#sink = sink;
    sink.opened?.(this as IncomingStream);
  }

  setSource(source: SendSource, sortKey?: SortKey): void {
    if (this.#source !== undefined)
      throw new TransportError("option-invalid", {
        option: "source",
        detail: "the stream has one already",
      });
    if (this.#released || !this.#sending) {
      source.closed?.();
      return;
    }
    this.#source = source;
    if (sortKey !== undefined) this.setSortKey(sortKey);
    source.opened?.(this);
    if (source.pending || source.finished) this.activate();
  }

  // --- From the runtime -------------------------------------------------------------------------------------------

  /** The engine builds a packet and takes bytes. */
  pull(target: Uint8Array, offset: number, max: number): number {
    const source = this.#source;
    return source === undefined || !source.pending ? 0 : source.pull(target, offset, max);
  }

  get finished(): boolean {
    return this.#source?.finished ?? false;
  }

  get pending(): boolean {
    return this.#source?.pending ?? false;
  }

  onData(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    if (!this.#receiving) return;
    if (end > start) {
      this.#sink?.data(bytes, start, end);
      if (this.autoCredit && !last) this.credit(end - start);
    }
    if (!last || !this.#receiving) return;
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.finished();
  }

  onReset(code: bigint): void {
    if (!this.#receiving) return;
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.reset(code);
  }

  onStop(code: bigint): void {
    if (!this.#sending) return;
    this.#source?.stopped?.(code);
    this.#endSending();
  }

  onAcked(): void {
    if (!this.#sending) return;
    this.#source?.acked?.();
    this.#endSending();
  }

  /** The handle is dead, or its connection is. */
  onReleased(): void {
    if (this.#released) return;
    this.#released = true;
    this.#endSending();
    if (!this.#receiving) return;
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.closed?.();
  }

  #giveCredit(): void {
    if (this.#released || this.#owed === 0) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.#giveCredit());
      return;
    }
    const owed = this.#owed;
    this.#owed = 0;
    this.#runtime.engine.credit(this.handle, owed);
    this.#runtime.touch();
  }

  #endSending(): void {
    if (!this.#sending) return;
    this.#sending = false;
    const source = this.#source;
    this.#source = undefined;
    source?.closed?.();
  }
}

/** How a stream starts. */
export interface StreamShape {
  readonly direction: StreamDirection;
  readonly id: bigint | undefined;
  readonly sends: boolean;
  readonly receives: boolean;
}
