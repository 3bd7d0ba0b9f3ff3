/**
 * Reads fields from a range of bytes and remembers where it is. Running out of bytes is an error here: the framing has
 * already said that they are there. Every error names the field and its offset.
 */
import { copyBytes } from "./bytes.ts";
import { CodecError, type CodecErrorCode } from "./errors.ts";
import type { WireInteger } from "./messages.ts";
import { readVarint, readWireInteger, varintLength } from "./varint.ts";

/** A position in `bytes[start…end]`. Decoders move it; what they return are copies, so the bytes may be reused afterwards. */
export class Reader {
  readonly bytes: Uint8Array;
  /** Index of the next byte. */
  position: number;
  /** Index behind the last byte. */
  end: number;
  /** Index that counts as offset 0 in errors. */
  origin: number;
  readonly #truncated: CodecErrorCode;

  /** `truncated` is the error code for fields that go beyond `end`. */
  constructor(
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
    truncated: CodecErrorCode = "message-truncated",
    origin = start,
  ) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    this.origin = origin;
    this.#truncated = truncated;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** Offset of the next byte, as errors count. */
  get offset(): number {
    return this.position - this.origin;
  }

  /** One byte. */
  u8(field: string): number {
    const at = this.#advance(1, field);
    return this.bytes[at]!;
  }

  /** An identifier or length: `varint-too-large` above 2^53-1. */
  varint(field: string): number {
    const at = this.#varintStart(field);
    const value = readVarint(this.bytes, at);
    if (value < 0) throw new CodecError("varint-too-large", field, at - this.origin);
    return value;
  }

  /** A bound, a duration or a version: values above 2^53-1 read as 2^53-1. */
  saturatingVarint(field: string): number {
    const value = readVarint(this.bytes, this.#varintStart(field));
    return value < 0 ? Number.MAX_SAFE_INTEGER : value;
  }

  /** A code or a type: every value of the wire. */
  integer(field: string): WireInteger {
    return readWireInteger(this.bytes, this.#varintStart(field));
  }

  /** A copy of the next `length` bytes. */
  take(length: number, field: string): Uint8Array {
    const at = this.#advance(length, field);
    return copyBytes(this.bytes, at, at + length);
  }

  #varintStart(field: string): number {
    const at = this.position;
    // An empty rest gives undefined, hence length 1, hence the truncation error below.
    return at < this.end ? this.#advance(varintLength(this.bytes[at]!), field) : this.#advance(1, field);
  }

  #advance(length: number, field: string): number {
    const at = this.position;
    if (length > this.end - at) throw new CodecError(this.#truncated, field, at - this.origin);
    this.position = at + length;
    return at;
  }
}
