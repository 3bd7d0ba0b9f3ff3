/** Reading the parts of a QUIC packet that is not protected any more (RFC 9000 section 16), and writing them as qlog has them. */

/** A number as JSON has it: what does not fit in a double is a string (draft-ietf-quic-qlog-main-schema-05, section "I-JSON"). */
export type JsonInteger = number | string;

/** A 62-bit integer for JSON. */
export function jsonInteger(value: bigint): JsonInteger {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}

/** Lowercase hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** A cursor over bytes. Every read throws RangeError at the end of them. */
export class FieldReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** RFC 9000 section 16. */
  varint(): bigint {
    switch (this.#view.getUint8(this.at) >> 6) {
      case 0:
        return BigInt(this.byte());
      case 1:
        return BigInt(this.#view.getUint16(this.#take(2)) & 0x3fff);
      case 2:
        return BigInt(this.uint32() & 0x3fff_ffff);
      default:
        return this.#view.getBigUint64(this.#take(8)) & 0x3fff_ffff_ffff_ffffn;
    }
  }

  /** A varint that counts bytes of this packet, or a number that is small by its nature. */
  small(): number {
    return Number(this.varint());
  }

  /** A varint as JSON has it. */
  integer(): JsonInteger {
    return jsonInteger(this.varint());
  }

  slice(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Passes bytes by; returns how many. */
  skip(length: number): number {
    this.#take(length);
    return length;
  }

  #take(length: number): number {
    const { at } = this;
    if (!(length <= this.left)) throw new RangeError("a field is cut short");
    this.at += length;
    return at;
  }
}
