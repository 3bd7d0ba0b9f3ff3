/**
 * QUIC variable-length integers (RFC 9000, section 16), used by MOQT up to draft 16: two bits of length, then 6, 14, 30 or 62
 * bits of value, big-endian. Numbers up to 2^53-1 never touch BigInt. Longer encodings than needed are valid.
 */
import type { WireInteger } from "./messages.ts";

/** The largest value a varint can hold: 2^62-1. */
export const maxVarint = 4_611_686_018_427_387_903n;

/** Bytes of a varint, from its first byte: 1, 2, 4 or 8. */
export function varintLength(firstByte: number): number {
  return 1 << (firstByte >> 6);
}

/** Bytes the shortest encoding of a value takes. The value must be an integer from 0 to 2^53-1. */
export function varintSize(value: number): number {
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8;
}

/** The varint at an offset, all of whose bytes are there; -1 when its value is above 2^53-1. */
export function readVarint(bytes: Uint8Array, offset: number): number {
  const first = bytes[offset]!;
  switch (first >> 6) {
    case 0:
      return first;
    case 1:
      return ((first & 0x3f) << 8) | bytes[offset + 1]!;
    case 2:
      return ((first & 0x3f) << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
    default: {
      const high = highBits(bytes, offset);
      return high < 0x20_0000 ? high * 0x1_0000_0000 + lowBits(bytes, offset) : -1;
    }
  }
}

/** As `readVarint`, for every value: a number up to 2^53-1, a bigint above. */
export function readWireInteger(bytes: Uint8Array, offset: number): WireInteger {
  const value = readVarint(bytes, offset);
  return value >= 0 ? value : (BigInt(highBits(bytes, offset)) << 32n) | BigInt(lowBits(bytes, offset));
}

/** Writes the shortest encoding of an integer from 0 to 2^53-1, without checks. Returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  if (value < 0x40) {
    target[offset] = value;
    return offset + 1;
  }
  if (value < 0x4000) {
    target[offset] = 0x40 | (value >> 8);
    target[offset + 1] = value;
    return offset + 2;
  }
  if (value < 0x4000_0000) {
    target[offset] = 0x80 | (value >> 24);
    writeLow(target, offset + 1, value, 16);
    return offset + 4;
  }
  return writeEight(target, offset, Math.floor(value / 0x1_0000_0000), value >>> 0);
}

/** As `writeVarint`, for a bigint above 2^53-1 and up to `maxVarint`. */
export function writeBigVarint(target: Uint8Array, offset: number, value: bigint): number {
  return writeEight(target, offset, Number(value >> 32n), Number(value & 0xffff_ffffn));
}

function highBits(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! & 0x3f) << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

function lowBits(bytes: Uint8Array, offset: number): number {
  const low = (bytes[offset + 4]! << 24) | (bytes[offset + 5]! << 16) | (bytes[offset + 6]! << 8) | bytes[offset + 7]!;
  return low >>> 0;
}

function writeEight(target: Uint8Array, offset: number, high: number, low: number): number {
  target[offset] = 0xc0 | (high >> 24);
  writeLow(target, offset + 1, high, 16);
  writeLow(target, offset + 4, low, 24);
  return offset + 8;
}

/** The bytes of a 32-bit value from bit `shift` down; a typed array keeps the low 8 bits of what it is given. */
function writeLow(target: Uint8Array, offset: number, value: number, shift: number): void {
  for (let at = offset, bits = shift; bits >= 0; bits -= 8) target[at++] = value >> bits;
}
