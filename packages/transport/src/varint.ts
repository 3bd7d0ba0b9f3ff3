/**
 * QUIC variable-length integers (RFC 9000 section 16), for HTTP/3 and QMux: whole, and in pieces as they arrive.
 * Values above 2^53 - 1 read as 2^53 - 1 where a number comes out; `bigint` forms are exact.
 */

/** What a too large value reads as: larger than any id, length or count that is accepted. */
const saturated = Number.MAX_SAFE_INTEGER;

/** Bytes of an encoding, by its first byte. */
export function varintLength(firstByte: number): number {
  return 1 << (firstByte >> 6);
}

/** Bytes the shortest encoding takes. */
export function varintSize(value: number | bigint): number {
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8;
}

/** The shortest encoding of an integer from 0 to 2^62 - 1. */
export function varint(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(varintSize(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

/** Writes the shortest encoding and returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number | bigint): number {
  const size = varintSize(value);
  if (size < 8) {
    let rest = Number(value);
    for (let i = size - 1; i >= 0; i--) {
      target[offset + i] = rest & 0xff;
      rest >>>= 8;
    }
    target[offset] = (target[offset] as number) | (size === 4 ? 0x80 : size === 2 ? 0x40 : 0);
    return offset + size;
  }
  let rest = BigInt(value);
  for (let i = size - 1; i >= 0; i--) {
    target[offset + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  target[offset] = (target[offset] as number) | 0xc0;
  return offset + size;
}

/** Everything in one array. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Takes one varint byte by byte, across the borders of what arrives. */
export class VarintParser {
  /** The value once `done`. */
  value = 0;
  done = false;
  #missing = 0;
  #begun = false;

  /** Takes what it needs of `bytes[at … end - 1]` and returns the offset behind it. */
  feed(bytes: Uint8Array, at: number, end: number): number {
    let offset = at;
    while (offset < end && !this.done) {
      const byte = bytes[offset++] as number;
      if (!this.#begun) {
        this.#begun = true;
        this.#missing = varintLength(byte) - 1;
        this.value = byte & 0x3f;
      } else {
        this.#missing--;
        this.value = this.value >= 2 ** 45 ? saturated : this.value * 256 + byte;
      }
      this.done = this.#missing === 0;
    }
    return offset;
  }

  /** Something of a varint came, but not all of it. */
  get partial(): boolean {
    return this.#begun && !this.done;
  }

  /** Makes it ready for the next. */
  restart(): void {
    this.value = 0;
    this.done = this.#begun = false;
  }
}

/** Reads varints of one whole payload; `at` is behind the last one read. */
export class VarintReader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.at;
  }

  /** The next varint exactly; undefined if it is cut short. */
  exact(): bigint | undefined {
    if (this.left < 1) return undefined;
    const size = varintLength(this.#bytes[this.at] as number);
    if (this.left < size) return undefined;
    let value = BigInt((this.#bytes[this.at] as number) & 0x3f);
    for (let i = 1; i < size; i++) value = (value << 8n) | BigInt(this.#bytes[this.at + i] as number);
    this.at += size;
    return value;
  }

  /** The next varint as a number, at most 2^53 - 1; undefined if it is cut short. */
  next(): number | undefined {
    if (this.left < 1) return undefined;
    const first = this.#bytes[this.at] as number;
    const size = varintLength(first);
    if (this.left < size) return undefined;
    if (size === 8) {
      const value = this.exact() as bigint;
      return value > saturated ? saturated : Number(value);
    }
    let value = first & 0x3f;
    for (let i = 1; i < size; i++) value = value * 256 + (this.#bytes[this.at + i] as number);
    this.at += size;
    return value;
  }
}
