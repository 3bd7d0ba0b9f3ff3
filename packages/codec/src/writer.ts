/** Writes fields into one growing buffer, which is meant to be reused: `reset()` empties it and keeps the memory. */
import { copyBytes } from "./bytes.ts";
import { CodecError } from "./errors.ts";
import type { WireInteger } from "./messages.ts";
import { maxVarint, varintSize, writeBigVarint, writeVarint } from "./varint.ts";

/** Bytes under construction. */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;
  readonly #maxBytes: number;

  /** `maxBytes` bounds the buffer: default 1 MiB, room for many control messages; beyond it CodecError `writer-full`. */
  constructor({ initialBytes = 256, maxBytes = 1_048_576 }: { initialBytes?: number; maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
    this.#bytes = new Uint8Array(Math.min(initialBytes, maxBytes));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Forgets everything behind `length`. */
  reset(length = 0): void {
    this.#length = Math.min(length, this.#length);
  }

  /** What was written, without a copy: valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What was written, as memory of its own. */
  toBytes(): Uint8Array {
    return copyBytes(this.#bytes, 0, this.#length);
  }

  /** An integer from 0 to 255. */
  u8(value: number, field: string): void {
    if (!(Number.isInteger(value) && value >= 0 && value <= 0xff)) throw invalid(field, value, "an integer up to 255");
    const at = this.#reserve(1, field);
    this.#bytes[at] = value;
  }

  /** Room for two bytes that `patchU16` fills in later; returns where. */
  reserveU16(field: string): number {
    return this.#reserve(2, field);
  }

  /** Fills in what `reserveU16` left open. The value must fit. */
  patchU16(at: number, value: number): void {
    this.#bytes[at] = value >> 8;
    this.#bytes[at + 1] = value;
  }

  /** An integer from 0 to 2^62-1; a number must be safe. */
  varint(value: WireInteger, field: string): void {
    if (typeof value === "bigint") {
      if (value < 0n || value > maxVarint) throw invalid(field, value, "an integer up to 2^62-1");
      if (value > Number.MAX_SAFE_INTEGER) {
        const at = this.#reserve(8, field);
        writeBigVarint(this.#bytes, at, value);
        return;
      }
      this.varint(Number(value), field);
      return;
    }
    if (!Number.isSafeInteger(value) || value < 0) throw invalid(field, value, "an integer up to 2^53-1, or a bigint");
    const at = this.#reserve(varintSize(value), field);
    writeVarint(this.#bytes, at, value);
  }

  /** Bytes as they are. */
  put(bytes: Uint8Array, field: string): void {
    const at = this.#reserve(bytes.length, field);
    this.#bytes.set(bytes, at);
  }

  #reserve(count: number, field: string): number {
    const at = this.#length;
    const length = at + count;
    if (length > this.#bytes.length) {
      if (length > this.#maxBytes) throw new CodecError("writer-full", field);
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(length, this.#bytes.length * 2)));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = length;
    return at;
  }
}

function invalid(field: string, value: WireInteger, wanted: string): CodecError {
  return new CodecError("value-invalid", field, undefined, `It is ${value}; it should be ${wanted}.`);
}
