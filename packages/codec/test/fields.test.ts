import { needMore } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { decode, encode, frame } from "./support/control.ts";
import { codecErrorOf, expectCodecError } from "./support/expect.ts";
import { hex, text, toHex } from "./support/hex.ts";

/** SUBSCRIBE (section 9.7): request id 0, namespace (a), track t, then what is given. */
function subscribe(rest: string): Uint8Array {
  return frame(0x03, hex(`00 01 01 61 01 74 ${rest}`));
}

function publishNamespaceDone(fields: readonly Uint8Array[]): Uint8Array {
  return encode({ type: "publishNamespaceDone", namespace: fields });
}

describe("track namespaces (section 2.4.1)", () => {
  const many = (count: number): Uint8Array[] => Array.from({ length: count }, () => text("x"));

  test("have 1 to 32 fields when read", () => {
    expectCodecError(() => decode(frame(0x09, hex("00"))), "namespace-field-count");
    expect(decode(frame(0x09, hex(`20 ${"01 78".repeat(32)}`)))).toMatchObject({ namespace: many(32) });
    expectCodecError(() => decode(frame(0x09, hex(`21 ${"01 78".repeat(33)}`))), "namespace-field-count");
  });

  test("have 1 to 32 fields when written", () => {
    expectCodecError(() => publishNamespaceDone([]), "value-invalid");
    expect(() => publishNamespaceDone(many(32))).not.toThrow();
    expectCodecError(() => publishNamespaceDone(many(33)), "value-invalid");
  });

  test("are bytes, and may have empty fields", () => {
    const namespace = [hex("ff00fe"), hex(""), text("ü")];
    expect(decode(publishNamespaceDone(namespace))).toStrictEqual({ type: "publishNamespaceDone", namespace });
  });

  test("have at most 4096 bytes by themselves", () => {
    expect(decode(publishNamespaceDone([new Uint8Array(4096)]))).not.toBe(needMore);
    expectCodecError(() => publishNamespaceDone([new Uint8Array(4096), text("x")]), "value-invalid");
    const tooLong = Uint8Array.of(0x01, 0x50, 0x01, ...new Uint8Array(4097));
    expectCodecError(() => decode(frame(0x09, tooLong)), "full-track-name-too-long", "Track Namespace", 4);
  });

  test("have at most 4096 bytes together with the track name", () => {
    const message = (trackNameBytes: number): Uint8Array =>
      encode({
        type: "publish",
        requestId: 0,
        namespace: [new Uint8Array(2000), new Uint8Array(2000)],
        trackName: new Uint8Array(trackNameBytes),
        trackAlias: 0,
        groupOrder: "ascending",
        forward: true,
        parameters: {},
      });
    const largest = message(96);
    expect(decode(largest)).not.toBe(needMore);
    expectCodecError(() => message(97), "value-invalid", "Track Name");
    // The same bytes with one more in the track name, whose length stands behind request id and two fields.
    const lengthAt = 3 + 1 + 1 + 2 * 2002;
    expect(toHex(largest.subarray(lengthAt, lengthAt + 2))).toBe("4060");
    const longer = Uint8Array.of(...largest.subarray(3, lengthAt), 0x40, 0x61, 0, ...largest.subarray(lengthAt + 2));
    expectCodecError(() => decode(frame(0x1d, longer)), "full-track-name-too-long", "Track Name", lengthAt);
  });

  test("that announce 2^62-1 bytes are an error, not an allocation", () => {
    expectCodecError(() => decode(frame(0x09, hex("01 ffffffffffffffff"))), "full-track-name-too-long");
  });

  test("follow the same rules as a prefix", () => {
    expectCodecError(() => decode(frame(0x11, hex("00 00 00"))), "namespace-field-count", "Track Namespace Prefix");
  });
});

describe("reason phrases (section 1.4.3)", () => {
  const error = (reason: string): Uint8Array => encode({ type: "publishError", requestId: 0, errorCode: 0, reason });
  const reasonOf = (bytes: Uint8Array): string => {
    const message = decode(bytes);
    if (message === needMore || message.type !== "publishError") throw new Error("unexpected message");
    return message.reason;
  };

  test("of 1024 bytes are read, of 1025 not", () => {
    expect(reasonOf(frame(0x1f, Uint8Array.of(0, 0, 0x44, 0x00, ...new Uint8Array(1024).fill(0x61))))).toHaveLength(
      1024,
    );
    expectCodecError(
      () => decode(frame(0x1f, Uint8Array.of(0, 0, 0x44, 0x01, ...new Uint8Array(1025)))),
      "reason-too-long",
      "Reason Phrase Length",
      5,
    );
  });

  test("of 1024 bytes are written whole, longer ones are cut between characters", () => {
    expect(reasonOf(error("a".repeat(1024)))).toBe("a".repeat(1024));
    expect(reasonOf(error("a".repeat(1025)))).toBe("a".repeat(1024));
    expect(reasonOf(error(`a${"ü".repeat(600)}`))).toBe(`a${"ü".repeat(511)}`);
    expect(reasonOf(error(`abc${"😀".repeat(300)}`))).toBe(`abc${"😀".repeat(255)}`);
  });

  test("that are not UTF-8 are read as well as they can be", () => {
    expect(reasonOf(frame(0x1f, hex("00 00 02 61ff")))).toBe("a\uFFFD");
  });

  test("keep a byte order mark", () => {
    expect(reasonOf(error("\uFEFFx"))).toBe("\uFEFFx");
  });
});

describe("a new session URI (section 9.4)", () => {
  test("has at most 8192 bytes", () => {
    const goaway = (bytes: number): Uint8Array => encode({ type: "goaway", newSessionUri: "u".repeat(bytes) });
    expect(decode(goaway(8192))).toMatchObject({ newSessionUri: "u".repeat(8192) });
    expectCodecError(() => goaway(8193), "value-invalid");
    expectCodecError(() => decode(frame(0x10, Uint8Array.of(0x60, 0x01, ...new Uint8Array(8193)))), "uri-too-long");
  });

  test("is text", () => {
    expectCodecError(() => decode(frame(0x10, hex("01 ff"))), "value-undefined", "New Session URI");
  });
});

describe("values the draft does not define end the session with PROTOCOL_VIOLATION", () => {
  test.each([
    ["Group Order 3 in SUBSCRIBE", subscribe("80 03 01 02 00"), "Group Order"],
    ["Forward 2", subscribe("80 01 02 02 00"), "Forward"],
    ["Filter Type 0", subscribe("80 01 01 00 00"), "Filter Type"],
    ["Filter Type 5", subscribe("80 01 01 05 00"), "Filter Type"],
    ["Filter Type 2^62-1", subscribe("80 01 01 ffffffffffffffff 00"), "Filter Type"],
    ["Group Order 0 in SUBSCRIBE_OK", frame(0x04, hex("00 00 00 00 00 00")), "Group Order"],
    ["Group Order 3 in SUBSCRIBE_OK", frame(0x04, hex("00 00 00 03 00 00")), "Group Order"],
    ["Content Exists 2", frame(0x04, hex("00 00 00 01 02 00 00 00")), "Content Exists"],
    ["Group Order 0 in PUBLISH", frame(0x1d, hex("00 01 01 61 01 74 00 00 00 00 00")), "Group Order"],
    ["Group Order 0 in PUBLISH_OK", frame(0x1e, hex("00 01 80 00 01 00")), "Group Order"],
    ["Group Order 0 in FETCH_OK", frame(0x18, hex("00 00 00 00 00 00")), "Group Order"],
    ["End Of Track 2", frame(0x18, hex("00 01 02 00 00 00")), "End Of Track"],
    ["Fetch Type 0", frame(0x16, hex("00 80 00 00 00 00 00")), "Fetch Type"],
    ["Fetch Type 4", frame(0x16, hex("00 80 00 04 00 00 00")), "Fetch Type"],
  ])("%s", (_title, bytes, field) => {
    expect(codecErrorOf(() => decode(bytes))).toMatchObject({ code: "value-undefined", field, sessionCode: 0x3 });
  });
});

describe("identifiers and bounds at the edge of what a number holds", () => {
  test.each([
    ["c01fffffffffffff", 2 ** 53 - 1],
    ["c020000000000000", undefined],
  ])("request id %s", (bytes, requestId) => {
    const body = frame(0x0a, hex(bytes));
    if (requestId !== undefined) expect(decode(body)).toStrictEqual({ type: "unsubscribe", requestId });
    else expect(codecErrorOf(() => decode(body))).toMatchObject({ code: "varint-too-large", kind: "limit" });
  });

  test("an end group of 2^62-1 is as good as none", () => {
    expect(decode(subscribe("80 01 01 04 00 00 ffffffffffffffff 00"))).toMatchObject({
      filter: { type: "absoluteRange", endGroup: Number.MAX_SAFE_INTEGER },
    });
  });

  test("a range that ends before it begins is read, because SUBSCRIBE_ERROR is the answer", () => {
    expect(decode(subscribe("80 01 01 04 05 00 04 00"))).toMatchObject({ filter: { endGroup: 4 } });
  });

  test("an error code of 2^62-1 is kept as it is", () => {
    expect(decode(frame(0x1f, hex("00 ffffffffffffffff 00")))).toMatchObject({ errorCode: 2n ** 62n - 1n });
  });

  test.each([-1, 1.5, 2 ** 53])("request id %s cannot be written", (requestId) => {
    expectCodecError(() => encode({ type: "unsubscribe", requestId }), "value-invalid", "Request ID");
  });
});
