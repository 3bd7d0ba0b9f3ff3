import { type ControlMessage, draft14, needMore, Reader, Writer } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { decode, encode, frame } from "./support/control.ts";
import { codecErrorOf, expectCodecError } from "./support/expect.ts";
import { goldenMessages } from "./support/golden-control.ts";
import { annotated, hex, text, toHex } from "./support/hex.ts";

describe.each(goldenMessages)("$title", ({ bytes, message }) => {
  const whole = annotated(bytes);

  test("asks for more at every truncation, and consumes nothing", () => {
    for (let length = 0; length < whole.length; length++) {
      const reader = new Reader(whole, 0, length);
      expect(draft14.decodeControl(reader)).toBe(needMore);
      expect(reader.position).toBe(0);
      expect(reader.end).toBe(length);
    }
  });

  test("is an error when its length cuts a field off", () => {
    const body = whole.subarray(3);
    for (let length = 0; length < body.length; length++) {
      // What is left of a prefix is a request id when it is a single varint; tested below.
      if (message.type === "unsubscribeNamespace" && length === 1) continue;
      const error = codecErrorOf(() => decode(frame(whole[0]!, body.subarray(0, length))));
      expect(error.code).toBe("message-truncated");
      expect(error.offset).toBeLessThanOrEqual(whole.length);
    }
  });

  test("is an error when its length covers a byte too many", () => {
    const longer = frame(whole[0]!, Uint8Array.of(...whole.subarray(3), 0));
    // A request id with a byte behind it reads as a prefix, here of too many fields.
    const isRequestIdForm = message.type === "unsubscribeNamespace" && message.requestId !== undefined;
    expectCodecError(() => decode(longer), isRequestIdForm ? "namespace-field-count" : "message-overlong");
  });

  test("leaves the reader behind it, whatever follows", () => {
    const reader = new Reader(Uint8Array.of(...whole, 0xff, 0xff));
    expect(draft14.decodeControl(reader)).toStrictEqual(message);
    expect(reader.remaining).toBe(2);
  });
});

test.each([0x00, 0x01, 0x1b, 0x1c, 0x22, 0x3f])("message type 0x%s is unknown", (type) => {
  expectCodecError(() => decode(Uint8Array.of(type)), "message-type-unknown", "Message Type", 0);
});

test.each(["4040", "4041"])("the setup types of drafts up to 10 (%s) are unknown", (type) => {
  expectCodecError(() => decode(hex(type)), "message-type-unknown");
});

test("an unknown type is an error before its length has arrived", () => {
  expect(decode(hex("c0"))).toBe(needMore);
  expectCodecError(() => decode(hex("ffffffffffffffff")), "message-type-unknown");
});

test("a type in a longer varint than needed is the same type", () => {
  expect(decode(hex("4015 0001 05"))).toStrictEqual({ type: "maxRequestId", requestId: 5 });
});

test.each([
  ["05", { requestId: 5 }],
  ["4001", { requestId: 1 }],
  ["0100", { prefix: [new Uint8Array(0)] }],
])("the body %s of UNSUBSCRIBE_NAMESPACE is one varint, or else a prefix", (body, fields) => {
  expect(decode(frame(0x14, hex(body)))).toStrictEqual({ type: "unsubscribeNamespace", ...fields });
});

test("a message may have 65535 bytes and no more", () => {
  const withValue = (bytes: number): Uint8Array =>
    encode({
      type: "publishNamespace",
      requestId: 0,
      namespace: [text("moq")],
      parameters: { others: [{ type: 0x101, value: new Uint8Array(bytes) }] },
    });
  // Request id 1, namespace 5, parameter count 1, type 2, length 4: the rest is the value.
  const largest = withValue(65_535 - 13);
  expect(largest.length).toBe(3 + 65_535);
  expect(decode(largest)).not.toBe(needMore);
  expectCodecError(() => withValue(65_535 - 12), "message-too-large");
});

test("a message that cannot be written leaves the writer as it was", () => {
  const writer = new Writer();
  draft14.encodeControl(writer, { type: "unsubscribe", requestId: 6 });
  expectCodecError(
    () => draft14.encodeControl(writer, { type: "publishNamespace", requestId: 0, namespace: [], parameters: {} }),
    "value-invalid",
  );
  expect(toHex(writer.view())).toBe("0a000106");
});

test("a message of another version cannot be written", () => {
  const message = { type: "requestOk", requestId: 0 } as unknown as ControlMessage;
  expectCodecError(() => encode(message), "message-not-in-version", "requestOk");
});

test("an error's offset counts from the message's first byte, also behind another message", () => {
  const reader = new Reader(hex("0a 0001 06  03 0004 00 00 0000"));
  draft14.decodeControl(reader);
  // type 1, length 2, request id 1: the namespace begins at offset 4
  expectCodecError(() => draft14.decodeControl(reader), "namespace-field-count", "Track Namespace", 4);
});
