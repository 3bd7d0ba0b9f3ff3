/**
 * The two directions of the control stream: messages out through a bounded queue, messages in through a bounded decoder
 * (moq-transport-14, sections "Session initialization" and "Control Messages").
 */

import { ControlDecoder, type ControlMessage, type Wire, Writer } from "@moqingbird/codec";
import type { Account } from "./budget.ts";
import { closeCode } from "./codes.ts";
import { ControlPace, WaitingChunks } from "./control-pace.ts";
import { Violation } from "./errors.ts";
import type { SessionLimits } from "./limits.ts";
import type { Timers } from "./timers.ts";
import type { ReceiveSink, ReceiveStream, SendSource, SendStream, SortKey } from "./transport.ts";

/** Before everything else on the connection. */
export const controlSortKey: SortKey = [0, 0, 0, 0];

/** Bytes at the start of the stream that are kept until SETUP is done, to tell what a peer spoke that we do not. */
const keptStartBytes = 256;

/** Room for messages that wait to leave, while none does. */
const idleQueueBytes = 1024;

/** What reading at a pace needs of the session. */
export interface PaceOptions {
  readonly timers: Timers;
  readonly limits: SessionLimits;
  readonly account: Account;
}

/** What the control stream reports. */
export interface ControlOwner {
  /** The session wants no more messages. */
  readonly over: boolean;
  message(message: ControlMessage): void;
  /** The peer closed, reset or broke the stream. */
  failed(error: unknown): void;
}

/** Our direction: a queue of encoded messages. */
export class ControlSender implements SendSource {
  wire: Wire;
  /** The control stream lives as long as the session. */
  readonly finished = false;
  readonly #owner: ControlOwner;
  readonly #maxQueuedBytes: number;
  readonly #account: Account;
  readonly #writer = new Writer();
  #stream: SendStream | undefined;
  /** Bytes that wait: `#queue[#head..#tail)`. */
  #queue = new Uint8Array(idleQueueBytes);
  #head = 0;
  #tail = 0;

  constructor(owner: ControlOwner, wire: Wire, account: Account, limits: SessionLimits) {
    this.#owner = owner;
    this.wire = wire;
    this.#account = account;
    this.#maxQueuedBytes = limits.maxQueuedControlBytes;
  }

  /** The stream to write to; what was sent before waits for it. */
  attach(stream: SendStream): void {
    this.#stream = stream;
    if (this.pending) stream.activate();
  }

  /** Bytes of messages that were not put into a packet yet. */
  get queuedBytes(): number {
    return this.#tail - this.#head;
  }

  get pending(): boolean {
    return this.#tail > this.#head;
  }

  /** Queues a message. @throws Violation when the peer leaves too many unread. */
  send(message: ControlMessage): void {
    this.#writer.reset();
    this.wire.encodeControl(this.#writer, message);
    const bytes = this.#writer.view();
    if (this.queuedBytes + bytes.length > this.#maxQueuedBytes) {
      throw new Violation(
        closeCode.internalError,
        `The peer does not read its control stream: ${this.queuedBytes} bytes wait, at most ${this.#maxQueuedBytes} may.`,
      );
    }
    this.#makeRoom(bytes.length);
    this.#queue.set(bytes, this.#tail);
    this.#tail += bytes.length;
    this.#stream?.activate();
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    const length = Math.min(max, this.queuedBytes);
    target.set(this.#queue.subarray(this.#head, this.#head + length), offset);
    this.#head += length;
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
      this.#shrink();
    }
    return length;
  }

  stopped(): void {
    this.#owner.failed(closed("stopped reading the control stream"));
  }

  #makeRoom(length: number): void {
    if (this.#tail + length <= this.#queue.length) return;
    const queued = this.queuedBytes;
    const needed = queued + length;
    const queue = needed <= this.#queue.length ? this.#queue : this.#larger(needed);
    queue.set(this.#queue.subarray(this.#head, this.#tail));
    this.#queue = queue;
    this.#head = 0;
    this.#tail = queued;
  }

  #larger(neededBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = Math.max(neededBytes, this.#queue.length * 2);
    if (!this.#account.take(bytes - this.#queue.length)) {
      throw new Violation(closeCode.internalError, `There is no room for ${neededBytes} bytes of control messages.`);
    }
    return new Uint8Array(bytes);
  }

  #shrink(): void {
    if (this.#queue.length === idleQueueBytes) return;
    this.#account.give(this.#queue.length - idleQueueBytes);
    this.#queue = new Uint8Array(idleQueueBytes);
  }
}

/** The peer's direction. */
export class ControlReceiver implements ReceiveSink {
  readonly #owner: ControlOwner;
  readonly #decoder: ControlDecoder;
  readonly #onMessage: (message: ControlMessage) => void;
  readonly #pace: ControlPace;
  readonly #account: Account;
  /** Came faster than it may be read. */
  readonly #waiting = new WaitingChunks();
  /** Bytes charged for what waits and for a message that is not complete. */
  #chargedBytes = 0;
  #messages = 0;
  #requests = 0;
  #stream: Pick<ReceiveStream, "autoCredit" | "credit"> | undefined;
  #start: Uint8Array | undefined = new Uint8Array(0);

  constructor(owner: ControlOwner, wire: Wire, { timers, limits, account }: PaceOptions) {
    this.#owner = owner;
    this.#decoder = new ControlDecoder(wire);
    this.#pace = new ControlPace(timers, limits, account.budget, () => this.#resume());
    this.#account = account;
    this.#onMessage = (message) => {
      if (!isAnswer(message)) this.#requests++;
      this.#messages++;
      if (!owner.over) owner.message(message);
    };
  }

  /** The stream that is read: the peer gets credit for what was read, not for what came. */
  attach(stream: Pick<ReceiveStream, "autoCredit" | "credit">): void {
    stream.autoCredit = false;
    this.#stream = stream;
  }

  /** The session is over. */
  stop(): void {
    this.#pace.stop();
  }

  /** SETUP chose a version: messages after this one are in it. */
  useWire(wire: Wire): void {
    this.#decoder.wire = wire;
    this.#start = undefined;
  }

  /** First bytes the peer sent, while SETUP is not done. */
  get firstBytes(): Uint8Array {
    return this.#start ?? new Uint8Array(0);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#owner.over) return;
    try {
      if (this.#waiting.empty && this.#pace.open) this.#read(bytes, start, end);
      else this.#waiting.push(bytes.slice(start, end));
      this.#charge();
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  finished(): void {
    this.#owner.failed(closed("finished the control stream"));
  }

  reset(code: bigint): void {
    this.#owner.failed(closed(`reset the control stream with code 0x${code.toString(16)}`));
  }

  #resume(): void {
    try {
      while (!this.#waiting.empty && !this.#owner.over && this.#pace.open) {
        const bytes = this.#waiting.shift();
        this.#read(bytes, 0, bytes.length);
      }
      if (!this.#owner.over) this.#charge();
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  #read(bytes: Uint8Array, start: number, end: number): void {
    this.#keepStart(bytes, start, end);
    this.#messages = 0;
    this.#requests = 0;
    this.#decoder.push(bytes, start, end, this.#onMessage);
    if (this.#messages === 0 || this.#requests > 0) this.#pace.spend(end - start, this.#requests);
    this.#stream?.credit(end - start);
  }

  /** @throws Violation when there is no room for what waits. */
  #charge(): void {
    const bytes = this.#waiting.chargedBytes + this.#decoder.bufferedBytes;
    const more = bytes - this.#chargedBytes;
    if (more > 0 && !this.#account.take(more)) {
      throw new Violation(closeCode.internalError, `There is no room for ${bytes} bytes of control messages.`);
    }
    if (more < 0) this.#account.give(-more);
    this.#chargedBytes = bytes;
  }

  #keepStart(bytes: Uint8Array, start: number, end: number): void {
    const kept = this.#start;
    if (!kept || kept.length >= keptStartBytes) return;
    const more = bytes.subarray(start, Math.min(end, start + keptStartBytes - kept.length));
    const joined = new Uint8Array(kept.length + more.length);
    joined.set(kept);
    joined.set(more, kept.length);
    this.#start = joined;
  }
}

/** Whether it follows from what this side asked. */
function isAnswer({ type }: ControlMessage): boolean {
  return type.endsWith("Ok") || type.endsWith("Error") || type === "publishDone";
}

/** "The control stream MUST NOT be closed ... while the session is active" (section "Session initialization"). */
function closed(did: string): Violation {
  return new Violation(closeCode.protocolViolation, `The peer ${did}; it lives as long as the session.`);
}
