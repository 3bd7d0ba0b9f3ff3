/**
 * The part of a data-stream decoder that is the same in every version: headers may be cut anywhere by the end of a chunk,
 * payload is passed through where it lies. Only a cut header is kept, in a buffer that grows with the bytes received and is
 * bounded by the largest header the subclass accepts.
 */
import { CodecError, type CodecErrorCode } from "./errors.ts";
import type { DataStreamVisitor } from "./objects.ts";
import { readVarint, varintLength } from "./varint.ts";
import type { DataStreamDecoder } from "./wire.ts";

const noBytes: Uint8Array = new Uint8Array(0);

/** What `HeaderCursor` returns when the bytes end inside a field; `needed` then says how many the header takes at least. */
export const short = -1;

/** Reads fields of one header from bytes that may end too early. */
export class HeaderCursor {
  bytes: Uint8Array = noBytes;
  /** Index of the next byte. */
  position = 0;
  /** After `short`: the header has at least this many bytes. */
  needed = 0;
  #start = 0;
  #end = 0;
  #streamOffset = 0;

  /** Starts over at a header that lies at `bytes[start…end]` and at `streamOffset` of its stream. */
  open(bytes: Uint8Array, start: number, end: number, streamOffset: number): void {
    this.bytes = bytes;
    this.#start = start;
    this.position = start;
    this.#end = end;
    this.#streamOffset = streamOffset;
  }

  /** Lets go of the bytes, which are the caller's and may be large. */
  close(): void {
    this.bytes = noBytes;
  }

  /** Bytes of the header read so far. */
  get consumed(): number {
    return this.position - this.#start;
  }

  /** The index whose distance to a byte's index is that byte's offset in the stream. */
  get origin(): number {
    return this.#start - this.#streamOffset;
  }

  /** One byte, or `short`. */
  u8(): number {
    if (this.position >= this.#end) return this.#short(1);
    return this.bytes[this.position++]!;
  }

  /** An identifier or length, or `short`. Throws `varint-too-large` above 2^53-1. */
  varint(field: string): number {
    const at = this.position;
    if (at >= this.#end) return this.#short(1);
    const length = varintLength(this.bytes[at]!);
    if (length > this.#end - at) return this.#short(length);
    const value = readVarint(this.bytes, at);
    if (value < 0) throw this.error("varint-too-large", field, at);
    this.position = at + length;
    return value;
  }

  /** Moves past `length` bytes and returns the index of the first, or `short`. */
  skip(length: number): number {
    const at = this.position;
    if (length > this.#end - at) return this.#short(length);
    this.position = at + length;
    return at;
  }

  /** An error about the field that began at an index. */
  error(code: CodecErrorCode, field: string, at: number): CodecError {
    return new CodecError(code, field, at - this.origin);
  }

  #short(length: number): typeof short {
    this.needed = this.position - this.#start + length;
    return short;
  }
}

const smallBufferBytes = 64;

/** Cuts a stream into headers and payload. A subclass knows the headers. */
export abstract class IncrementalDecoder implements DataStreamDecoder {
  readonly #cursor = new HeaderCursor();
  #offset = 0;
  #payloadLeft = 0;
  #partial = noBytes;
  #partialLength = 0;
  #paused = false;
  #failure: unknown;

  /** Reads the next header and remembers it. Returns the bytes of payload behind it, or `short` having changed nothing. */
  protected abstract readHeader(cursor: HeaderCursor): number;

  /** Tells the visitor of the header read last, and forgets it. */
  protected abstract deliver(visitor: DataStreamVisitor): void;

  get offset(): number {
    return this.#offset;
  }

  get bufferedBytes(): number {
    return this.#partialLength;
  }

  pause(): void {
    this.#paused = true;
  }

  push(bytes: Uint8Array, start: number, end: number, visitor: DataStreamVisitor): number {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#advance(bytes, start, end, visitor);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  finish(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#partialLength > 0 || this.#payloadLeft > 0 || this.#offset === 0) {
      throw new CodecError("stream-truncated", "FIN", this.#offset + this.#partialLength);
    }
  }

  #advance(bytes: Uint8Array, start: number, end: number, visitor: DataStreamVisitor): number {
    this.#paused = false;
    let position = start;
    while (position < end && !this.#paused) {
      if (this.#payloadLeft > 0) {
        const stop = Math.min(end, position + this.#payloadLeft);
        const from = position;
        position = stop;
        this.#payloadLeft -= stop - from;
        this.#offset += stop - from;
        visitor.payload(bytes, from, stop);
      } else if (this.#partialLength > 0) {
        const count = Math.min(end - position, this.#cursor.needed - this.#partialLength);
        this.#keep(bytes, position, position + count);
        position += count;
        if (this.#header(this.#partial, 0, this.#partialLength)) {
          this.#dropPartial();
          this.deliver(visitor);
        }
      } else if (this.#header(bytes, position, end)) {
        position += this.#cursor.consumed;
        this.deliver(visitor);
      } else {
        this.#keep(bytes, position, end);
        position = end;
      }
    }
    return position;
  }

  #header(bytes: Uint8Array, start: number, end: number): boolean {
    this.#cursor.open(bytes, start, end, this.#offset);
    const payload = this.readHeader(this.#cursor);
    this.#cursor.close();
    if (payload === short) return false;
    this.#payloadLeft = payload;
    this.#offset += this.#cursor.consumed;
    return true;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#partialLength + end - start;
    if (length > this.#partial.length) {
      const grown = new Uint8Array(Math.max(smallBufferBytes, length, this.#partial.length * 2));
      grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(bytes.subarray(start, end), this.#partialLength);
    this.#partialLength = length;
  }

  #dropPartial(): void {
    this.#partialLength = 0;
    if (this.#partial.length > smallBufferBytes) this.#partial = noBytes;
  }
}
