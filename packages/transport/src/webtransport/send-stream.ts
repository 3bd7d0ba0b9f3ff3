/** `WebTransportSendStream`: a writable stream over a source, which packets take bytes from as they are built. */
import type { WritableStreamDefaultController } from "node:stream/web";
import { ByteWriter } from "../byte-writer.ts";
import { TransportError } from "../errors.ts";
import type { SendStream } from "../streams.ts";
import { codeOfReason, endedByPeer, WebTransportError } from "./error.ts";
import { sendSortKey, type WebTransportSendGroup } from "./send-order.ts";
import type { BufferSource } from "./web-types.ts";

/** Options of a stream that is opened (W3C `WebTransportSendStreamOptions`). */
export interface WebTransportSendStreamOptions extends WebTransportSendOptions {
  /** False: opening fails when the peer allows no more streams now. Accepted for W3C; opening always waits inside. */
  readonly waitUntilAvailable?: boolean;
}

/** Where bytes stand in the order of leaving (W3C `WebTransportSendOptions`). */
export interface WebTransportSendOptions {
  readonly sendGroup?: WebTransportSendGroup | null;
  /** Higher leaves first; -2^63 to 2^63 - 1. Default 0. */
  readonly sendOrder?: number | bigint;
}

/** Counters of a send stream (W3C `WebTransportSendStreamStats`). */
export interface WebTransportSendStreamStats {
  /** Given to the writer. */
  readonly bytesWritten: number;
  /** Put into packets, each counted once. */
  readonly bytesSent: number;
  /** Acknowledged by the peer: known for the whole stream only, so 0 until then. */
  readonly bytesAcknowledged: number;
}

/** Between the writable stream and the transport's source. */
export class Outlet extends ByteWriter {
  bytesWritten = 0;
  acknowledgedAll = false;
  /** Called once, when the direction is over however it ended. */
  onEnd: (() => void) | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #stream: SendStream | undefined;

  start(controller: WritableStreamDefaultController): void {
    this.#controller = controller;
  }

  async put(chunk: unknown): Promise<void> {
    const bytes = copyOf(chunk);
    this.bytesWritten += bytes.length;
    if (!this.write(bytes)) await this.#translated(this.drained());
  }

  async end(): Promise<void> {
    this.finish();
    await this.#translated(this.acknowledged());
  }

  setOrder(group: WebTransportSendGroup | null, order: bigint): void {
    this.#stream?.setSortKey(sendSortKey(group, order));
  }

  override opened(stream: SendStream): void {
    this.#stream = stream;
    super.opened(stream);
  }

  override stopped(code: bigint): void {
    this.#fail(endedByPeer(code, "wants no more of"));
    super.stopped(code);
  }

  override acked(): void {
    this.acknowledgedAll = true;
    super.acked();
  }

  override closed(): void {
    if (!this.acknowledgedAll) {
      this.#fail(new WebTransportError("The session ended before the stream did.", { source: "session" }));
    }
    super.closed();
    this.#ended();
  }

  abandon(reason: unknown): void {
    this.#controller = undefined;
    this.reset(codeOfReason(reason));
    this.#ended();
  }

  #fail(error: WebTransportError): void {
    const controller = this.#controller;
    this.#controller = undefined;
    this.#failure ??= error;
    controller?.error(error);
  }

  #failure: WebTransportError | undefined;

  /** What the stream failed of, instead of what the writer below says of it. */
  async #translated(promise: Promise<void>): Promise<void> {
    try {
      await promise;
    } catch (error) {
      throw this.#failure ?? error;
    }
  }

  #ended(): void {
    this.onEnd?.();
    this.onEnd = undefined;
  }
}

/** A one-way stream of ours, or the sending side of a stream both ways. */
export class WebTransportSendStream extends WritableStream<BufferSource> {
  readonly #outlet: Outlet;
  #group: WebTransportSendGroup | null;
  #order: bigint;

  /** @internal Made by a session. */
  constructor(outlet: Outlet, { sendGroup = null, sendOrder = 0 }: WebTransportSendOptions = {}) {
    super(
      {
        start: (controller) => outlet.start(controller),
        write: (chunk) => outlet.put(chunk),
        close: () => outlet.end(),
        abort: (reason) => outlet.abandon(reason),
      },
      { highWaterMark: 1 },
    );
    this.#outlet = outlet;
    this.#group = sendGroup;
    this.#order = asOrder(sendOrder);
    sendGroup?.add(this);
  }

  get sendGroup(): WebTransportSendGroup | null {
    return this.#group;
  }

  set sendGroup(group: WebTransportSendGroup | null) {
    this.#group?.remove(this);
    this.#group = group;
    group?.add(this);
    this.#outlet.setOrder(this.#group, this.#order);
  }

  get sendOrder(): number {
    return Number(this.#order);
  }

  set sendOrder(order: number | bigint) {
    this.#order = asOrder(order);
    this.#outlet.setOrder(this.#group, this.#order);
  }

  async getStats(): Promise<WebTransportSendStreamStats> {
    return this.counters();
  }

  override getWriter(): WebTransportWriter {
    return new WebTransportWriter(this, this.#outlet);
  }

  /** @internal What `getStats` says, at once. */
  counters(): WebTransportSendStreamStats {
    const { bytesWritten, queuedBytes, acknowledgedAll } = this.#outlet;
    const bytesSent = bytesWritten - queuedBytes;
    return { bytesWritten, bytesSent, bytesAcknowledged: acknowledgedAll ? bytesSent : 0 };
  }
}

/** The writer of a send stream (W3C `WebTransportWriter`). */
export class WebTransportWriter extends WritableStreamDefaultWriter<BufferSource> {
  readonly #outlet: Outlet;

  /** @internal Made by `getWriter`. */
  constructor(stream: WritableStream<BufferSource>, outlet: Outlet) {
    super(stream);
    this.#outlet = outlet;
  }

  /** Writes, unless the bytes would have to wait behind others: then it rejects with an AbortError and nothing is written. */
  async atomicWrite(chunk: BufferSource): Promise<void> {
    if (this.#outlet.queuedBytes > 0) {
      throw new DOMException("Bytes written before still wait, so these would have to wait as well.", "AbortError");
    }
    await this.write(chunk);
  }

  /** Marks the end of what belongs together. What was written leaves as soon as it can in any case. */
  commit(): void {}
}

/** Bytes of what `write` was given, in a copy: the caller may change theirs when `write` has returned. */
export function copyOf(chunk: unknown): Uint8Array {
  if (chunk instanceof ArrayBuffer || chunk instanceof SharedArrayBuffer) return new Uint8Array(chunk).slice();
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice();
  throw new TypeError("A chunk is an ArrayBuffer or a view of one.");
}

const orderLimit = 2n ** 63n;

/** A send order as an integer. Errors: `option-invalid`. */
export function asOrder(order: number | bigint): bigint {
  if (typeof order === "bigint" || Number.isInteger(order)) {
    const exact = BigInt(order);
    if (exact >= -orderLimit && exact < orderLimit) return exact;
  }
  throw new TransportError("option-invalid", { option: "sendOrder", detail: `${order} is no 64-bit integer` });
}
