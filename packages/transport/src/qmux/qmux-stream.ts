/** A stream of a QMux connection: a source whose bytes are pulled into messages, a sink that is handed those that came. */
import { type ErrorCode, highWord } from "../error-code.ts";
import { TransportError } from "../errors.ts";
import {
  type BidirectionalStream,
  defaultSortKey,
  type IncomingStream,
  type ReceiveSink,
  type SendSource,
  type SortKey,
  type StreamDirection,
} from "../streams.ts";
import { streamOverhead, writeStreamHead } from "./encode.ts";
import { QmuxError } from "./error.ts";
import type { Ready } from "./ready-queue.ts";

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly quicFrames: boolean;
  /** The stream may have something to send. */
  activated(stream: QmuxStream): void;
  /** Its place in the order has changed. */
  reordered(stream: QmuxStream): void;
  /** RESET_STREAM must leave, unless the peer knows nothing of the stream. */
  resetSent(stream: QmuxStream, code: bigint): void;
  /** STOP_SENDING must leave. */
  stopSent(stream: QmuxStream, code: bigint): void;
  /** The peer may send more than it knows. */
  creditDue(stream: QmuxStream): void;
  /** So many bytes more (or, negative, fewer) are with sinks that have not given credit for them. */
  unread(bytes: number): void;
  /** Both directions are over. */
  released(stream: QmuxStream): void;
  /** Runs a callback of the user's; what it throws ends the connection. */
  guard(callback: () => void): void;
}

/** How a stream starts. */
export interface StreamStart {
  readonly direction: StreamDirection;
  /** Undefined for one that was opened here: it gets its id when it first sends. */
  readonly id: number | undefined;
  readonly sends: boolean;
  readonly receives: boolean;
  /** Bytes the peer may have under way. */
  readonly receiveWindow: number;
}

/** Every stream there is. */
export class QmuxStream implements BidirectionalStream, Ready {
  readonly direction: StreamDirection;
  autoCredit = true;
  /** Leaves even before its source has bytes: the peer is to know of it. */
  eager = false;

  // Ready
  key: SortKey = defaultSortKey;
  heapIndex = -1;
  turn = 0;

  /** Bytes the peer allows, from the first on. */
  sendLimit = 0;
  /** The limit that the peer was told we wait for. */
  blockedAt = -1;
  /** Bytes that have left. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Bytes we allow. */
  receiveLimit: number;
  /** The index of its id; -1 before it has one. */
  streamNumber: number;

  readonly #host: StreamHost;
  readonly #receiveWindow: number;
  #source: SendSource | undefined;
  #sink: ReceiveSink | undefined;
  #consumedBytes = 0;
  /** FIN and RESET_STREAM have not left. */
  #sending: boolean;
  /** The sink wants to hear. */
  #receiving: boolean;
  /** FIN and RESET_STREAM have not come. */
  #receiveOpen: boolean;
  #stopCode: bigint | undefined;
  #released = false;

  constructor(host: StreamHost, start: StreamStart) {
    this.#host = host;
    this.direction = start.direction;
    this.streamNumber = start.id ?? -1;
    this.#sending = start.sends;
    this.#receiving = this.#receiveOpen = start.receives;
    this.#receiveWindow = this.receiveLimit = start.receiveWindow;
  }

  // The type says bigint | undefined; an incoming stream always has one, as its interfaces tell.
  get id(): bigint {
    return (this.streamNumber < 0 ? undefined : BigInt(this.streamNumber)) as bigint;
  }

  // --- From the user ------------------------------------------------------------------------------------------------

  activate(): void {
    if (this.#sending) this.#host.activated(this);
  }

  setSortKey(key: SortKey): void {
    this.key = key;
    if (this.#sending) this.#host.reordered(this);
  }

  reset(code: ErrorCode = 0): void {
    highWord(code); // throws for what is no code
    if (!this.#sending) return;
    this.#host.resetSent(this, BigInt(code));
    const unknown = this.streamNumber < 0;
    this.#endSending();
    if (unknown) this.#endReceiving()?.closed?.(); // the peer never learns of it, so nothing will come
    this.#release();
  }

  stop(code: ErrorCode = 0): void {
    highWord(code);
    if (!this.#receiving) return;
    if (this.streamNumber < 0) this.#stopCode = BigInt(code);
    else if (this.#receiveOpen) this.#host.stopSent(this, BigInt(code));
    this.#forgetUnread();
    this.#receiving = false;
    this.#sink = undefined;
  }

  credit(bytes: number): void {
    if (!(bytes > 0) || this.#released) return;
    const consumed = Math.min(this.receivedBytes, this.#consumedBytes + bytes);
    if (this.#receiving) this.#host.unread(this.#consumedBytes - consumed);
    this.#consumedBytes = consumed;
    if (this.#receiveOpen && this.receiveLimit - consumed <= this.#receiveWindow / 2) this.#host.creditDue(this);
  }

  setSink(sink: ReceiveSink): void {
    if (this.#receiving) this.#sink = sink;
    sink.opened?.(this as IncomingStream);
  }

  setSource(source: SendSource, sortKey?: SortKey): void {
    if (this.#source !== undefined) {
      throw new TransportError("option-invalid", { option: "source", detail: "the stream has one already" });
    }
    if (!this.#sending) {
      source.closed?.();
      return;
    }
    this.#source = source;
    if (sortKey !== undefined) this.setSortKey(sortKey);
    source.opened?.(this);
    if (source.pending || source.finished) this.activate();
  }

  // --- Sending ------------------------------------------------------------------------------------------------------

  /** What it would send now. */
  get wants(): "bytes" | "end" | "nothing" {
    const source = this.#source;
    if (!this.#sending || source === undefined) return "nothing";
    if (source.pending) return "bytes";
    return source.finished || (this.eager && this.streamNumber < 0) ? "end" : "nothing";
  }

  /** It has an id now; returns the code of a STOP_SENDING that waited for it. */
  opened(id: number): bigint | undefined {
    this.streamNumber = id;
    return this.#stopCode;
  }

  /**
   * Writes one STREAM frame with at most `credit` bytes at `to[at … end - 1]` and returns the offset behind it; `at` if
   * there is nothing to send.
   */
  fill(to: Uint8Array, at: number, end: number, credit: number): number {
    const source = this.#source;
    if (source === undefined) return at;
    const { quicFrames } = this.#host;
    const id = this.streamNumber;
    const offset = this.sentBytes;
    const begin = at + streamOverhead(quicFrames, id, offset);
    const max = Math.min(end - begin, credit);
    let length = 0;
    this.#host.guard(() => {
      if (source.pending && max > 0) length = source.pull(to, begin, max);
    });
    if (!this.#sending) return at; // it was reset, or the connection ended, from inside `pull`
    const fin = !source.pending && source.finished;
    if (length === 0 && !fin && !this.eager) return at;
    this.eager = false;
    this.sentBytes += length;
    if (fin) this.#sending = false;
    return writeStreamHead(to, at, quicFrames, { id, offset, length, fin });
  }

  /** FIN has left, and with it everything. */
  get sentAll(): boolean {
    return !this.#sending && this.#source !== undefined;
  }

  /** What was sent is with the transport below, which is as good as acknowledged (draft -02 section 3). */
  acknowledged(): void {
    const source = this.#source;
    if (source === undefined) return;
    this.#source = undefined;
    this.#host.guard(() => {
      source.acked?.();
      source.closed?.();
    });
    this.#release();
  }

  /** STOP_SENDING came. */
  stopped(code: bigint): void {
    if (!this.#sending) return;
    const source = this.#source;
    this.#host.guard(() => source?.stopped?.(code));
    if (!this.#sending) return; // it was reset from inside `stopped`
    this.#host.resetSent(this, code);
    this.#endSending();
    this.#release();
  }

  // --- Receiving ----------------------------------------------------------------------------------------------------

  /** The end of the stream has not come. */
  get receiveOpen(): boolean {
    return this.#receiveOpen;
  }

  /** Bytes came: `bytes[start … end - 1]`. Throws QmuxError. */
  received(bytes: Uint8Array, start: number, end: number, fin: boolean): void {
    const count = end - start;
    this.receivedBytes += count;
    if (fin) this.#receiveOpen = false;
    if (count > 0 && this.#receiving) {
      this.#host.unread(count);
      const sink = this.#sink;
      this.#host.guard(() => sink?.data(bytes, start, end));
      if (this.autoCredit) this.credit(count);
    }
    if (!fin) return;
    const sink = this.#endReceiving();
    this.#host.guard(() => sink?.finished());
    this.#release();
  }

  /** Checks what arrives against order and limit, before it is delivered. Throws QmuxError. */
  admit(offset: number | undefined, count: number): void {
    if (offset !== undefined && offset !== this.receivedBytes) {
      const what = `bytes from ${offset} on came, ${this.receivedBytes} is next`;
      throw new QmuxError("PROTOCOL_VIOLATION", `Stream ${this.streamNumber} is out of order: ${what}.`, 0x08);
    }
    if (this.receivedBytes + count > this.receiveLimit) {
      throw new QmuxError(
        "FLOW_CONTROL_ERROR",
        `Stream ${this.streamNumber} went beyond ${this.receiveLimit} bytes.`,
        0x08,
      );
    }
  }

  /** RESET_STREAM came. */
  wasReset(code: bigint): void {
    if (!this.#receiveOpen) return;
    this.#receiveOpen = false;
    const sink = this.#endReceiving();
    this.#host.guard(() => sink?.reset(code));
    this.#release();
  }

  /** Raises what the peer may send; returns the new limit. */
  raiseLimit(): number {
    this.receiveLimit = this.#consumedBytes + this.#receiveWindow;
    return this.receiveLimit;
  }

  /** The connection is over. */
  over(): void {
    this.#receiveOpen = false;
    this.#released = true;
    this.#endSending();
    const sink = this.#endReceiving();
    this.#host.guard(() => sink?.closed?.());
  }

  #endReceiving(): ReceiveSink | undefined {
    this.#forgetUnread();
    this.#receiving = false;
    const sink = this.#sink;
    this.#sink = undefined;
    return sink;
  }

  #forgetUnread(): void {
    if (this.#receiving) this.#host.unread(this.#consumedBytes - this.receivedBytes);
  }

  #endSending(): void {
    this.#sending = false;
    const source = this.#source;
    this.#source = undefined;
    if (source !== undefined) this.#host.guard(() => source.closed?.());
  }

  #release(): void {
    const unknown = this.streamNumber < 0;
    if (this.#released || this.#sending || this.#source !== undefined) return;
    if (this.#receiveOpen && !unknown) return;
    this.#released = true;
    this.#host.released(this);
  }
}
