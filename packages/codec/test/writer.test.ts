import { Reader, Writer } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { expectCodecError } from "./support/expect.ts";
import { hex, toHex } from "./support/hex.ts";

describe("a writer", () => {
  test("grows, and keeps what was written", () => {
    const writer = new Writer({ initialBytes: 1 });
    for (let i = 0; i < 1000; i++) writer.u8(i & 0xff, "x");
    expect(writer.length).toBe(1000);
    expect(writer.view()[999]).toBe(999 & 0xff);
  });

  test("holds its maximum and not a byte more", () => {
    const writer = new Writer({ maxBytes: 10 });
    writer.put(new Uint8Array(10), "ten");
    expectCodecError(() => writer.u8(0, "eleventh"), "writer-full", "eleventh");
    expect(writer.length).toBe(10);
  });

  test("uses its memory again after a reset", () => {
    const writer = new Writer({ initialBytes: 4 });
    writer.put(hex("01020304"), "x");
    const { buffer } = writer.view();
    writer.reset();
    writer.put(hex("05"), "x");
    expect(writer.view().buffer).toBe(buffer);
    expect(toHex(writer.view())).toBe("05");
  });

  test("gives bytes of its own on request", () => {
    const writer = new Writer();
    writer.put(hex("01"), "x");
    const bytes = writer.toBytes();
    writer.reset();
    writer.put(hex("02"), "x");
    expect(toHex(bytes)).toBe("01");
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, -1n, 2n ** 62n])("refuses %s as a varint", (value) => {
    expectCodecError(() => new Writer().varint(value, "Request ID"), "value-invalid", "Request ID");
  });

  test.each([-1, 256, 1.5])("refuses %s as a byte", (value) => {
    expectCodecError(() => new Writer().u8(value, "Priority"), "value-invalid", "Priority");
  });

  test("writes a small bigint as the number it is", () => {
    const writer = new Writer();
    writer.varint(37n, "x");
    expect(toHex(writer.view())).toBe("25");
  });
});

describe("a reader", () => {
  test("stays within its range", () => {
    const reader = new Reader(hex("00 25 4025 ff"), 1, 4);
    expect(reader.varint("a")).toBe(37);
    expect(reader.varint("b")).toBe(37);
    expectCodecError(() => reader.u8("c"), "message-truncated", "c", 3);
  });

  test("names the field and the offset where it began", () => {
    const reader = new Reader(hex("00 80 00"));
    reader.u8("a");
    expectCodecError(() => reader.varint("Track Alias"), "message-truncated", "Track Alias", 1);
  });

  test.each([
    ["c01fffffffffffff", 2 ** 53 - 1],
    ["c020000000000000", "varint-too-large"],
  ] as const)("takes %s as an identifier: %s", (bytes, result) => {
    const read = (): number => new Reader(hex(bytes)).varint("Group ID");
    if (typeof result === "number") expect(read()).toBe(result);
    else expectCodecError(read, result, "Group ID", 0);
  });

  test("reads a bound above 2^53-1 as 2^53-1", () => {
    expect(new Reader(hex("ffffffffffffffff")).saturatingVarint("Expires")).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("returns copies, also from a Buffer, whose slice would be a view", () => {
    const buffer = Buffer.from("010203", "hex");
    const taken = new Reader(buffer).take(3, "x");
    buffer.fill(0);
    expect(toHex(taken)).toBe("010203");
  });
});
