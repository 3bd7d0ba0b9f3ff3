import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Http3Error } from "../../src/h3/codes.ts";
import type { FieldLine } from "../../src/h3/field-line.ts";
import { decodeHuffman } from "../../src/h3/huffman.ts";
import { checkEncoderInstructions, DecoderInstructions, decodeFields, encodeFields } from "../../src/h3/qpack.ts";
import { staticTable } from "../../src/h3/static-table.ts";
import { hex, toHex } from "./hex.ts";

const limits = { sectionBytes: 16_384, fields: 100 };
const decode = (text: string, given = limits) => decodeFields(hex(text), given);

describe("Huffman (RFC 7541 appendix C)", () => {
  test.each([
    ["f1e3 c2e5 f23a 6ba0 ab90 f4ff", "www.example.com"],
    ["a8eb 1064 9cbf", "no-cache"],
    ["25a8 49e9 5ba9 7d7f", "custom-key"],
    ["25a8 49e9 5bb8 e8b4 bf", "custom-value"],
    ["6402", "302"],
    ["aec3 771a 4b", "private"],
    ["d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"],
    [
      "94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
  ])("%s is %s", (code, text) => {
    const bytes = hex(code);
    expect(Buffer.from(decodeHuffman(bytes, 0, bytes.length, 1000) ?? []).toString()).toBe(text);
  });

  test.each([
    ["padding with a zero", "1e"], // "a" is 00011; then 110
    ["padding of eight ones", "1fff"],
    ["EOS inside", "ffff fffc"],
    ["a code cut short", "ff"],
  ])("%s is refused", (_, code) => {
    const bytes = hex(code);
    expect(decodeHuffman(bytes, 0, bytes.length, 1000)).toBeUndefined();
  });

  test("text above the limit is refused before it is there", () => {
    const bytes = hex("f1e3 c2e5 f23a 6ba0 ab90 f4ff");
    expect(decodeHuffman(bytes, 0, bytes.length, 15)).toHaveLength(15);
    expect(decodeHuffman(bytes, 0, bytes.length, 14)).toBeUndefined();
  });
});

describe("header blocks", () => {
  test("RFC 9204 B.1: a literal with the name of a static entry", () => {
    expect(decode("0000 510b 2f69 6e64 6578 2e68 746d 6c")).toEqual([[":path", "/index.html"]]);
    expect(toHex(encodeFields([[":path", "/index.html"]]))).toBe("0000510b2f696e6465782e68746d6c");
  });

  test("the static table ends where it ends", () => {
    expect(staticTable).toHaveLength(99);
    expect(decode("0000 ff23")).toEqual([["x-frame-options", "sameorigin"]]);
    expect(() => decode("0000 ff24")).toThrow("the static table has no entry 99");
    expect(() => decode("0000 5f54 00")).toThrow("the static table has no entry 99");
  });

  test.each([
    ["nothing at all", "", "cut short"],
    ["half a prefix", "00", "cut short"],
    ["a Required Insert Count", "0200 80", "dynamic table"],
    ["a negative Base", "0080", "Base is negative"],
    ["an indexed dynamic entry", "0000 80", "dynamic table"],
    ["an indexed post-Base entry", "0000 10", "dynamic table"],
    ["a name from the dynamic table", "0000 4000", "dynamic table"],
    ["a post-Base name", "0000 0000", "dynamic table"],
    ["a string beyond the block", "0000 5102 2f", "longer than the block"],
    ["an endless integer", "0000 ffffffffffff 00", "too large"],
    ["a Huffman string with zero padding", "0000 5181 1e", "Huffman"],
  ])("%s is QPACK_DECOMPRESSION_FAILED", (_, block, says) => {
    const error = thrown(() => decode(block));
    expect(error).toMatchObject({ code: "QPACK_DECOMPRESSION_FAILED", wireCode: 0x200, scope: "connection" });
    expect(error.message).toContain(says);
  });

  test("what a block grows to is bounded, on both sides of the edge", () => {
    const fields: FieldLine[] = Array.from({ length: 10 }, () => ["x-frame-options", "sameorigin"]);
    const bytes = 10 * (32 + "x-frame-optionssameorigin".length);
    const block = encodeFields(fields);
    expect(decodeFields(block, { sectionBytes: bytes, fields: 10 })).toHaveLength(10);
    for (const tight of [
      { sectionBytes: bytes - 1, fields: 10 },
      { sectionBytes: bytes, fields: 9 },
    ]) {
      expect(thrown(() => decodeFields(block, tight))).toMatchObject({ code: "H3_EXCESSIVE_LOAD", scope: "stream" });
    }
  });

  test("what is encoded decodes to the same", () => {
    const name = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
    const value = fc.string({
      maxLength: 200,
      unit: fc.integer({ min: 0x20, max: 0xff }).map((c) => String.fromCharCode(c)),
    });
    const field = fc.oneof(
      fc.tuple(name, value),
      fc.constantFrom(...staticTable).map(([n, v]) => [n, v] as [string, string]),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 20 }), (fields) => {
        expect(decodeFields(encodeFields(fields), limits)).toEqual(fields);
      }),
    );
  });

  test("no bytes make the decoder do anything but decode or refuse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (noise, prefixed) => {
        const block = prefixed ? Uint8Array.from([0, 0, ...noise]) : noise;
        try {
          const fields = decodeFields(block, { sectionBytes: 2000, fields: 20 });
          const size = fields.reduce((sum, [n, v]) => sum + 32 + n.length + v.length, 0);
          expect(size).toBeLessThanOrEqual(2000);
          expect(fields.length).toBeLessThanOrEqual(20);
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe("instructions", () => {
  test("an encoder may set a capacity of 0 and nothing else", () => {
    checkEncoderInstructions(hex("20 20"), 0, 2);
    for (const bytes of ["21", "3fbd01", "c00f", "4a", "02"]) {
      const error = thrown(() => checkEncoderInstructions(hex(bytes), 0, bytes.length / 2));
      expect(error).toMatchObject({ code: "QPACK_ENCODER_STREAM_ERROR", wireCode: 0x201 });
    }
  });

  test("a decoder may cancel streams and nothing else, in pieces too", () => {
    const instructions = new DecoderInstructions();
    for (const byte of hex("44 7f8001 48")) instructions.feed(Uint8Array.of(byte), 0, 1);
    for (const byte of [0x00, 0x01, 0x84]) {
      const error = thrown(() => new DecoderInstructions().feed(Uint8Array.of(byte), 0, 1));
      expect(error).toMatchObject({ code: "QPACK_DECODER_STREAM_ERROR", wireCode: 0x202 });
    }
  });
});

function thrown(call: () => unknown): Http3Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Http3Error) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
