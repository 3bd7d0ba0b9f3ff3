/**
 * A control stream, from chunks to messages, in any version. What is kept between chunks is one incomplete message, hence at
 * most 65535 bytes and its framing.
 */
import { copyBytes } from "./bytes.ts";
import { CodecError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { ControlMessage } from "./messages.ts";
import { Reader } from "./reader.ts";
import { needMore, type Wire } from "./wire.ts";

const noBytes = new Uint8Array(0);

/** Cuts a control stream into messages. */
export class ControlDecoder {
  /** The version of the next message. Set it from the message callback when SETUP has chosen another. */
  wire: Wire;
  readonly #limits: Limits | undefined;
  #partial: Uint8Array = noBytes;
  #partialLength = 0;
  #failure: unknown;

  constructor(wire: Wire, limits?: Limits) {
    this.wire = wire;
    this.#limits = limits;
  }

  /** Bytes kept of an incomplete message. */
  get bufferedBytes(): number {
    return this.#partialLength;
  }

  /** Takes `bytes[start…end]`, calls `message` for each message they complete. Throws CodecError, and then always the same. */
  push(bytes: Uint8Array, start: number, end: number, message: (message: ControlMessage) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      if (this.#partialLength === 0) {
        const rest = this.#drain(bytes, start, end, message);
        if (rest < end) this.#keep(bytes, rest, end);
        return;
      }
      this.#keep(bytes, start, end);
      const rest = this.#drain(this.#partial, 0, this.#partialLength, message);
      this.#dropBefore(rest);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** The stream ended. Throws CodecError `control-stream-truncated` when it ended inside a message. */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#partialLength > 0) throw new CodecError("control-stream-truncated", "FIN", this.#partialLength);
  }

  #drain(bytes: Uint8Array, start: number, end: number, message: (message: ControlMessage) => void): number {
    const reader = new Reader(bytes, start, end);
    while (reader.remaining > 0) {
      const next = this.wire.decodeControl(reader, this.#limits);
      if (next === needMore) break;
      message(next);
    }
    return reader.position;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#partialLength + end - start;
    if (length > this.#partial.length) {
      const grown = new Uint8Array(Math.max(256, length, this.#partial.length * 2));
      grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(bytes.subarray(start, end), this.#partialLength);
    this.#partialLength = length;
  }

  #dropBefore(index: number): void {
    if (index === 0) return;
    // A fresh array: the old one is as large as the largest chunk so far.
    this.#partial = copyBytes(this.#partial, index, this.#partialLength);
    this.#partialLength -= index;
  }
}
