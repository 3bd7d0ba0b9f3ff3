import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  maxVarint,
  readVarint,
  readWireInteger,
  varintLength,
  varintSize,
  writeBigVarint,
  writeVarint,
} from "../src/varint.ts";
import { hex, toHex } from "./support/hex.ts";
import { seeded } from "./support/seed.ts";

/** RFC 9000, section A.1. */
const samples: readonly (readonly [string, number | bigint])[] = [
  ["c2197c5eff14e88c", 151_288_809_941_952_652n],
  ["9d7f3e7d", 494_878_333],
  ["7bbd", 15_293],
  ["25", 37],
];

/** The first and last value of each length, and of what a number holds. */
const edges: readonly (readonly [string, number | bigint])[] = [
  ["00", 0],
  ["3f", 63],
  ["4040", 64],
  ["7fff", 16_383],
  ["80004000", 16_384],
  ["bfffffff", 2 ** 30 - 1],
  ["c000000040000000", 2 ** 30],
  ["c0000000ffffffff", 2 ** 32 - 1],
  ["c000000100000000", 2 ** 32],
  ["c01fffffffffffff", 2 ** 53 - 1],
  ["c020000000000000", 2n ** 53n],
  ["ffffffffffffffff", maxVarint],
];

function write(value: number | bigint): string {
  const target = new Uint8Array(8);
  const end = typeof value === "number" ? writeVarint(target, 0, value) : writeBigVarint(target, 0, value);
  return toHex(target.subarray(0, end));
}

describe.each([...samples, ...edges])("%s", (bytes, value) => {
  test(`is ${value}, both ways`, () => {
    expect(readWireInteger(hex(bytes), 0)).toBe(value);
    expect(write(value)).toBe(bytes);
    expect(varintLength(hex(bytes)[0]!)).toBe(bytes.length / 2);
    expect(readVarint(hex(bytes), 0)).toBe(typeof value === "number" ? value : -1);
  });
});

test.each(["25", "4025", "80000025", "c000000000000025"])("%s is 37: longer encodings are valid", (bytes) => {
  expect(readVarint(hex(bytes), 0)).toBe(37);
});

test("every number comes back, in as many bytes as its size says", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat({ max: 30 }), (value, offset) => {
      const target = new Uint8Array(40);
      const end = writeVarint(target, offset, value);
      expect(end - offset).toBe(varintSize(value));
      expect(readVarint(target, offset)).toBe(value);
    }),
    seeded,
  );
});

test("every bigint that no number holds comes back", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 2n ** 53n, max: maxVarint }), (value) => {
      const target = new Uint8Array(8);
      expect(writeBigVarint(target, 0, value)).toBe(8);
      expect(readWireInteger(target, 0)).toBe(value);
    }),
    seeded,
  );
});
