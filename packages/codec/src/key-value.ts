/**
 * Key-value pairs with absolute types and QUIC varints (draft 14, section 1.4.2): parameters and extension headers up to draft
 * 15, and the form in which this package hands extension headers around. An even type is followed by a varint, an odd one by
 * a length of at most 65535 and that many bytes.
 */
import { CodecError } from "./errors.ts";
import type { KeyValuePair, WireInteger } from "./messages.ts";
import { Reader } from "./reader.ts";
import { readVarint, varintLength } from "./varint.ts";
import { Writer } from "./writer.ts";

const maxValueBytes = 65_535;

/** Reads one pair. */
export function readKeyValuePair(reader: Reader): KeyValuePair {
  const type = reader.integer("Type");
  return { type, value: isOdd(type) ? readBytesValue(reader) : reader.integer("Value") };
}

/** Reads the length and bytes of a pair with an odd type. */
export function readBytesValue(reader: Reader): Uint8Array {
  const offset = reader.offset;
  const length = reader.saturatingVarint("Length");
  if (length > maxValueBytes) throw new CodecError("pair-value-too-long", "Length", offset);
  return reader.take(length, "Value");
}

/** Writes one pair. The value's kind must fit the type. */
export function writeKeyValuePair(writer: Writer, pair: KeyValuePair): void {
  const { type, value } = pair;
  writer.varint(type, "Type");
  if (!isOdd(type)) {
    if (value instanceof Uint8Array) throw wrongKind(type, "an even type carries an integer");
    writer.varint(value, "Value");
    return;
  }
  if (!(value instanceof Uint8Array)) throw wrongKind(type, "an odd type carries bytes");
  writeBytesValue(writer, value);
}

/** Writes the length and bytes of a pair with an odd type. */
export function writeBytesValue(writer: Writer, value: Uint8Array): void {
  if (value.length > maxValueBytes) {
    throw new CodecError("value-invalid", "Value", undefined, `It has ${value.length} bytes; at most 65535 fit.`);
  }
  writer.varint(value.length, "Length");
  writer.put(value, "Value");
}

/** Reads a block of pairs, such as an object's extensions. Throws CodecError `pair-malformed` or `pair-value-too-long`. */
export function decodeKeyValuePairs(block: Uint8Array): KeyValuePair[] {
  const reader = new Reader(block, 0, block.length, "pair-malformed");
  const pairs: KeyValuePair[] = [];
  while (reader.remaining > 0) pairs.push(readKeyValuePair(reader));
  return pairs;
}

/** Writes a block of pairs in the order given, at most `maxBytes` (default 65536) long. */
export function encodeKeyValuePairs(pairs: readonly KeyValuePair[], maxBytes = 65_536): Uint8Array {
  const writer = new Writer({ initialBytes: 64, maxBytes });
  for (const pair of pairs) writeKeyValuePair(writer, pair);
  return writer.toBytes();
}

/**
 * Throws unless `bytes[start…end]` is a block of whole pairs. Allocates nothing: it runs for every object with extensions.
 * `origin` is the index that counts as offset 0 in the error.
 */
export function checkKeyValuePairs(bytes: Uint8Array, start: number, end: number, origin: number): void {
  let at = start;
  while (at < end) {
    const pair = at;
    // The lowest bit of a varint is that of its last byte, however long it is.
    const typeEnd = at + varintLength(bytes[at]!);
    if (typeEnd >= end) throw new CodecError("pair-malformed", "Extension Headers", pair - origin);
    at = typeEnd + varintLength(bytes[typeEnd]!);
    if (at > end) throw new CodecError("pair-malformed", "Extension Headers", pair - origin);
    if ((bytes[typeEnd - 1]! & 1) === 0) continue;
    const length = readVarint(bytes, typeEnd);
    if (length < 0 || length > maxValueBytes) {
      throw new CodecError("pair-value-too-long", "Extension Headers", typeEnd - origin);
    }
    at += length;
    if (at > end) throw new CodecError("pair-malformed", "Extension Headers", pair - origin);
  }
}

/** Whether a pair of this type holds bytes. */
function isOdd(type: WireInteger): boolean {
  return typeof type === "bigint" ? (type & 1n) === 1n : type % 2 === 1;
}

function wrongKind(type: WireInteger, rule: string): CodecError {
  return new CodecError("value-invalid", "Value", undefined, `The type is ${type}: ${rule}.`);
}
