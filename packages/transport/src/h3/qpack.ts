/**
 * QPACK (RFC 9204) without a dynamic table: header blocks refer to the static table or spell their fields out. The decoder
 * tells the peer a table capacity of 0, so every reference to a dynamic entry is an error; what a block may grow to is
 * bounded before anything is allocated.
 */
import { Http3Error, type Http3ErrorName } from "./codes.ts";
import type { FieldLine } from "./field-line.ts";
import { decodeHuffman } from "./huffman.ts";
import { staticTable } from "./static-table.ts";

/** Size of a field beside its name and value (RFC 9114 section 4.2.2). */
const fieldOverheadBytes = 32;
/** Larger prefixed integers than this are not looked at: no index or length that is accepted comes near. */
const largestInteger = 2 ** 24;

/** What a decoded block may hold. */
export interface FieldLimits {
  /** Names and values and 32 bytes for each field: SETTINGS_MAX_FIELD_SECTION_SIZE. */
  readonly sectionBytes: number;
  /** Number of fields. */
  readonly fields: number;
}

const fullMatches = new Map<string, number>();
const nameMatches = new Map<string, number>();
for (const [index, [name, value]] of staticTable.entries()) {
  if (!fullMatches.has(`${name}\0${value}`)) fullMatches.set(`${name}\0${value}`, index);
  if (!nameMatches.has(name)) nameMatches.set(name, index);
}

/** Encodes fields; names are lower case and values Latin-1 or ASCII, as the caller has checked. */
export function encodeFields(fields: readonly FieldLine[]): Uint8Array {
  const out: number[] = [0, 0]; // Required Insert Count 0, Delta Base 0
  for (const [name, value] of fields) {
    const full = fullMatches.get(`${name}\0${value}`);
    if (full !== undefined) {
      prefixed(out, 0xc0, 6, full);
      continue;
    }
    const named = nameMatches.get(name);
    if (named !== undefined) prefixed(out, 0x50, 4, named);
    else text(out, 0x20, 3, name);
    text(out, 0, 7, value);
  }
  return Uint8Array.from(out);
}

function prefixed(out: number[], pattern: number, bits: number, value: number): void {
  const most = (1 << bits) - 1;
  if (value < most) {
    out.push(pattern | value);
    return;
  }
  out.push(pattern | most);
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
}

function text(out: number[], pattern: number, bits: number, value: string): void {
  const bytes = Buffer.from(value, "latin1");
  prefixed(out, pattern, bits, bytes.length);
  for (const byte of bytes) out.push(byte);
}

/** Decodes a block. Throws `QPACK_DECOMPRESSION_FAILED`, or for a block above the limits `H3_EXCESSIVE_LOAD` of its stream. */
export function decodeFields(block: Uint8Array, limits: FieldLimits): readonly FieldLine[] {
  return new FieldDecoder(block, limits).fields();
}

class FieldDecoder {
  readonly #block: Uint8Array;
  readonly #limits: FieldLimits;
  #at = 0;
  #room: number;

  constructor(block: Uint8Array, limits: FieldLimits) {
    this.#block = block;
    this.#limits = limits;
    this.#room = limits.sectionBytes;
  }

  fields(): readonly FieldLine[] {
    if (this.#integer(8) !== 0) throw failed("it needs entries of a dynamic table, which has none");
    // A Base below the Required Insert Count of 0 would be negative (section 4.5.1.2).
    if ((this.#peek() & 0x80) !== 0) throw failed("its Base is negative");
    this.#integer(7);
    const fields: FieldLine[] = [];
    while (this.#at < this.#block.length) {
      if (fields.length === this.#limits.fields) throw excessive(`it has more than ${this.#limits.fields} fields`);
      const field = this.#field();
      this.#room -= fieldOverheadBytes + field[0].length + field[1].length;
      if (this.#room < 0) throw this.#tooLarge();
      fields.push(field);
    }
    return fields;
  }

  #field(): FieldLine {
    const first = this.#peek();
    if ((first & 0x80) !== 0) {
      if ((first & 0x40) === 0) throw dynamic();
      return staticField(this.#integer(6));
    }
    if ((first & 0x40) !== 0) {
      if ((first & 0x10) === 0) throw dynamic();
      const [name] = staticField(this.#integer(4));
      return [name, this.#string(7)];
    }
    if ((first & 0x20) === 0) throw dynamic();
    const name = this.#string(3);
    return [name, this.#string(7)];
  }

  /** A string whose length has a prefix of `bits`, with the Huffman bit above it. */
  #string(bits: number): string {
    const huffman = (this.#peek() & (1 << bits)) !== 0;
    const length = this.#integer(bits);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw failed("a string is longer than the block");
    this.#at = end;
    if (!huffman) {
      if (length > this.#room) throw this.#tooLarge();
      return latin1(this.#block.subarray(start, end));
    }
    // The longest code has 30 bits: text of a string this long cannot fit.
    if (length * 8 > (this.#room + 1) * 30) throw this.#tooLarge();
    const decoded = decodeHuffman(this.#block, start, end, this.#room);
    if (decoded === undefined) throw failed("a Huffman string is wrong, or too large");
    return latin1(decoded);
  }

  #peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw failed("it is cut short");
    return byte;
  }

  #integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#peek() & most;
    this.#at++;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#peek();
      this.#at++;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > largestInteger || shift > 21) throw failed("an integer is too large");
      if (byte < 0x80) return value;
    }
  }

  #tooLarge(): Http3Error {
    return excessive(`it is larger than ${this.#limits.sectionBytes} bytes`);
  }
}

/** Each byte is the character of that number: `TextDecoder` would read them as Windows-1252. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function staticField(index: number): FieldLine {
  const field = staticTable[index];
  if (field === undefined) throw failed(`the static table has no entry ${index}`);
  return field;
}

function failed(detail: string): Http3Error {
  return new Http3Error("QPACK_DECOMPRESSION_FAILED", `A header block cannot be decoded: ${detail}.`);
}

function dynamic(): Http3Error {
  return failed("it refers to the dynamic table, which has no entries");
}

function excessive(detail: string): Http3Error {
  return new Http3Error("H3_EXCESSIVE_LOAD", `A header block is refused: ${detail}.`, "stream");
}

/**
 * The peer's encoder stream: with a capacity of 0 it may set that capacity, and nothing else (RFC 9204 section 4.3).
 * Throws `QPACK_ENCODER_STREAM_ERROR`.
 */
export function checkEncoderInstructions(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0x20) continue; // Set Dynamic Table Capacity, 0
    const what =
      ((bytes[at] as number) & 0xe0) === 0x20 ? "it sets a capacity above 0" : "it inserts into a table of 0 bytes";
    throw instructionError("QPACK_ENCODER_STREAM_ERROR", what);
  }
}

/**
 * The peer's decoder stream: we never insert and never refer to an entry, so there is nothing to acknowledge; cancellations
 * of streams are ignored (RFC 9204 section 4.4). Throws `QPACK_DECODER_STREAM_ERROR`.
 */
export class DecoderInstructions {
  #continues = false;

  feed(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (this.#continues) this.#continues = byte >= 0x80;
      else if ((byte & 0xc0) === 0x40) this.#continues = (byte & 0x3f) === 0x3f;
      else {
        const what = byte >= 0x80 ? "it acknowledges a block without references" : "it counts entries never inserted";
        throw instructionError("QPACK_DECODER_STREAM_ERROR", what);
      }
    }
  }
}

function instructionError(code: Http3ErrorName, detail: string): Http3Error {
  return new Http3Error(code, `A QPACK instruction is wrong: ${detail}.`);
}
