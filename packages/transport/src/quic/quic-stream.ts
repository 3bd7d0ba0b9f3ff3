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

/** Who has taken a stream over from the user of the connection: a session that shares the connection with others. */
export interface StreamOwner {
  /** The code on the wire for one that `reset` or `stop` is given. Throws `option-invalid`. */
  toWire(code: ErrorCode): ErrorCode;
  /** What source and sink are told for a code on the wire; undefined: that the session is over, which ended the stream. */
  fromWire(code: bigint): bigint | undefined;
  /** The stream is gone. */
  released(stream: QuicStream): void;
}

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
  #owner: StreamOwner | undefined;
  /** What leaves before the source's first byte, or is left of it. */
  #prefix: Uint8Array | undefined;
  /** The prefix does not wait for the source. */
  #eager = false;

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
    const wire = this.#toWire(code);
    if (this.#released || !this.#sending) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.reset(code));
      return;
    }
    this.#runtime.engine.reset(this.handle, highWord(wire), lowWord(wire));
    this.#runtime.touch();
    this.#endSending();
  }

  stop(code: ErrorCode = 0): void {
    const wire = this.#toWire(code);
    if (this.#released || !this.#receiving) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.stop(code));
      return;
    }
    this.#runtime.engine.stop(this.handle, highWord(wire), lowWord(wire));
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

  // --- From a session on the connection -----------------------------------------------------------------------------

  /**
   * Lets a session own the stream. `prefix` leaves before the source's bytes: with the first of them, or by itself if
   * `eager`. For a stream that was opened here, to be called before the loop runs.
   */
  adopt(owner: StreamOwner, prefix?: Uint8Array, eager = false): void {
    this.#owner = owner;
    this.#prefix = prefix;
    this.#eager = eager;
    if (eager) this.activate();
    if (this.#released) owner.released(this);
  }

  /** Ends both directions with a code as it is on the wire; source and sink are told `closed`. */
  abandon(wireCode: number): void {
    if (this.#released) return;
    if (this.#runtime.busy) {
      this.#runtime.later(() => this.abandon(wireCode));
      return;
    }
    if (this.#sending) {
      this.#runtime.engine.reset(this.handle, highWord(wireCode), lowWord(wireCode));
      this.#endSending();
    }
    if (this.#receiving) {
      this.#runtime.engine.stop(this.handle, highWord(wireCode), lowWord(wireCode));
      this.#endReceiving()?.closed?.();
    }
    this.#runtime.touch();
  }

  // --- From the runtime -------------------------------------------------------------------------------------------

  /** The engine builds a packet and takes bytes. */
  pull(target: Uint8Array, offset: number, max: number): number {
    const source = this.#source;
    if (source === undefined) return 0;
    if (this.#prefix === undefined) return source.pending ? source.pull(target, offset, max) : 0;
    if (!this.pending) return 0;
    const written = this.#pullPrefix(this.#prefix, target, offset, max);
    return written < max && source.pending ? written + source.pull(target, offset + written, max - written) : written;
  }

  get finished(): boolean {
    return this.#prefix === undefined && (this.#source?.finished ?? false);
  }

  get pending(): boolean {
    const source = this.#source;
    if (source === undefined) return false;
    return this.#prefix === undefined ? source.pending : this.#eager || source.pending || source.finished;
  }

  onData(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    if (!this.#receiving) return;
    if (end > start) {
      this.#sink?.data(bytes, start, end);
      if (this.autoCredit && !last) this.credit(end - start);
    }
    if (!last || !this.#receiving) return;
    this.#endReceiving()?.finished();
  }

  onReset(code: bigint): void {
    if (!this.#receiving) return;
    const shown = this.#fromWire(code);
    const sink = this.#endReceiving();
    if (shown === undefined) sink?.closed?.();
    else sink?.reset(shown);
  }

  onStop(code: bigint): void {
    if (!this.#sending) return;
    const shown = this.#fromWire(code);
    if (shown !== undefined) this.#source?.stopped?.(shown);
    this.#endSending();
  }

  onAcked(): void {
    if (!this.#sending) return;
    this.#source?.acked?.();
    this.#endSending();
  }

  /** The handle is dead, or its connection is; `why`: it was open before the handshake and did not outlive it. */
  onReleased(why?: TransportError): void {
    if (this.#released) return;
    this.#released = true;
    this.#endSending(why);
    if (this.#receiving) this.#endReceiving()?.closed?.(why);
    this.#owner?.released(this);
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

  #toWire(code: ErrorCode): ErrorCode {
    if (this.#owner !== undefined) return this.#owner.toWire(code);
    highWord(code); // throws for what is no code
    return code;
  }

  #fromWire(code: bigint): bigint | undefined {
    return this.#owner === undefined ? code : this.#owner.fromWire(code);
  }

  #pullPrefix(prefix: Uint8Array, target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, prefix.length);
    target.set(prefix.subarray(0, count), offset);
    this.#prefix = count === prefix.length ? undefined : prefix.subarray(count);
    return count;
  }

  #endReceiving(): ReceiveSink | undefined {
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    return sink;
  }

  #endSending(why?: TransportError): void {
    if (!this.#sending) return;
    this.#sending = false;
    const source = this.#source;
    this.#source = undefined;
    source?.closed?.(why);
  }
}

/** How a stream starts. */
export interface StreamShape {
  readonly direction: StreamDirection;
  readonly id: bigint | undefined;
  readonly sends: boolean;
  readonly receives: boolean;
}
