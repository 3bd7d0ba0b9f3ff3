import { decodeKeyValuePairs, encodeKeyValuePairs } from "@moqingbird/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { extensions } from "./support/arbitraries.ts";
import { expectCodecError } from "./support/expect.ts";
import { annotated, hex, text, toHex } from "./support/hex.ts";
import { seeded } from "./support/seed.ts";

describe("a block of key-value pairs (section 1.4.2)", () => {
  test("holds the extension headers of section 11", () => {
    const block = annotated([
      ["3c 02", "Prior Group ID Gap 0x3C = 2"],
      ["0b 03 0e 41f4", "Immutable Extensions 0x0B: 14 = 500"],
      ["3e 01", "Prior Object ID Gap 0x3E = 1"],
    ]);
    const pairs = [
      { type: 0x3c, value: 2 },
      { type: 0x0b, value: hex("0e 41f4") },
      { type: 0x3e, value: 1 },
    ];
    expect(decodeKeyValuePairs(block)).toStrictEqual(pairs);
    expect(toHex(encodeKeyValuePairs(pairs))).toBe(toHex(block));
    expect(decodeKeyValuePairs(hex("0e 41f4"))).toStrictEqual([{ type: 14, value: 500 }]);
  });

  test("may be empty", () => {
    expect(decodeKeyValuePairs(hex(""))).toStrictEqual([]);
    expect(encodeKeyValuePairs([])).toHaveLength(0);
  });

  test("is the same after reading and writing", () => {
    fc.assert(
      fc.property(extensions, (block) => {
        expect(toHex(encodeKeyValuePairs(decodeKeyValuePairs(block)))).toBe(toHex(block));
      }),
      seeded,
    );
  });

  test("is refused when a pair is cut", () => {
    expectCodecError(() => decodeKeyValuePairs(hex("04 01 05 02 aa")), "pair-malformed", "Value", 4);
    expectCodecError(() => decodeKeyValuePairs(hex("04")), "pair-malformed", "Value", 1);
  });

  test("is not written beyond the size that the caller allows", () => {
    const pairs = [{ type: 5, value: text("abc") }];
    expect(encodeKeyValuePairs(pairs, 5)).toHaveLength(5);
    expectCodecError(() => encodeKeyValuePairs(pairs, 4), "writer-full");
  });
});
