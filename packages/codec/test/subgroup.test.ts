import {
  defaultLimits,
  draft14,
  encodeKeyValuePairs,
  noExtensions,
  type ObjectHeader,
  objectStatus,
  type SubgroupHeader,
} from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { codecErrorOf, expectCodecError } from "./support/expect.ts";
import { annotated, hex, text, toHex } from "./support/hex.ts";
import { decodeStream, Recorder } from "./support/stream.ts";

const header: SubgroupHeader = {
  trackAlias: 2,
  group: 300,
  subgroup: 0,
  publisherPriority: 128,
  hasExtensions: false,
  endOfGroup: false,
};

function object(id: number, fields: Partial<ObjectHeader> = {}): ObjectHeader {
  return { id, sizeBytes: 0, status: objectStatus.normal, extensions: noExtensions, ...fields };
}

function encodeHeader(fields: Partial<SubgroupHeader>): string {
  const target = new Uint8Array(draft14.maxSubgroupHeaderBytes);
  return toHex(target.subarray(0, draft14.encodeSubgroupHeader(target, 0, target.length, { ...header, ...fields })));
}

function encodeObject(previousId: number, hasExtensions: boolean, fields: ObjectHeader): string {
  const target = new Uint8Array(200);
  const size = draft14.encodeObjectHeader(target, 0, target.length, previousId, hasExtensions, fields);
  expect(draft14.objectHeaderSize(previousId, hasExtensions, fields)).toBe(size);
  return toHex(target.subarray(0, size));
}

/** The table of section 10.4.2: type, subgroup id, extensions present, contains end of group. */
const types: readonly (readonly [number, number | undefined, boolean, boolean])[] = [
  [0x10, 0, false, false],
  [0x11, 0, true, false],
  [0x12, undefined, false, false],
  [0x13, undefined, true, false],
  [0x14, 9, false, false],
  [0x15, 9, true, false],
  [0x18, 0, false, true],
  [0x19, 0, true, true],
  [0x1a, undefined, false, true],
  [0x1b, undefined, true, true],
  [0x1c, 9, false, true],
  [0x1d, 9, true, true],
];

describe("a subgroup header (section 10.4.2)", () => {
  test.each(types)("of type %i", (type, subgroup, hasExtensions, endOfGroup) => {
    const bytes = annotated([
      [type.toString(16), "Type"],
      ["02", "Track Alias = 2"],
      ["412c", "Group ID = 300"],
      [subgroup === 9 ? "09" : "", "Subgroup ID = 9, only in types with the field"],
      ["80", "Publisher Priority = 128"],
    ]);
    const expected = { ...header, subgroup, hasExtensions, endOfGroup };
    expect(decodeStream(bytes)).toStrictEqual([{ subgroup: expected }]);
    expect(encodeHeader(expected)).toBe(toHex(bytes));
  });

  test.each([0x00, 0x04, 0x06, 0x0f, 0x16, 0x17, 0x1e, 0x1f, 0x20, 0x30, 0x3f])("cannot have type %i", (type) => {
    expectCodecError(() => decodeStream(Uint8Array.of(type, 0, 0, 0, 0)), "stream-type-unknown", "Type", 0);
  });

  test("with the field but subgroup 0 is the same subgroup as without the field", () => {
    expect(decodeStream(hex("14 02 412c 00 80"))).toStrictEqual([{ subgroup: header }]);
    expect(encodeHeader({ subgroup: 0 })).toBe("1002412c80");
  });

  test("without a priority of its own is written with 128", () => {
    expect(encodeHeader({ publisherPriority: undefined })).toBe("1002412c80");
  });

  test("is never longer than maxSubgroupHeaderBytes", () => {
    const largest = Number.MAX_SAFE_INTEGER;
    const bytes = encodeHeader({ trackAlias: largest, group: largest, subgroup: largest });
    expect(bytes.length / 2).toBe(draft14.maxSubgroupHeaderBytes);
  });

  test("is not written when it does not fit, nor is anything else", () => {
    const target = new Uint8Array(20);
    const size = 5;
    expect(draft14.encodeSubgroupHeader(target, 3, 3 + size - 1, header)).toBe(0);
    expect(draft14.encodeSubgroupHeader(target, 18, 30, header)).toBe(0);
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect(draft14.encodeSubgroupHeader(target, 3, 3 + size, header)).toBe(size);
    expect(toHex(target.subarray(0, 9))).toBe("0000001002412c8000");
  });

  test.each([
    ["trackAlias", -1],
    ["group", 2 ** 53],
    ["subgroup", 0.5],
    ["publisherPriority", 256],
    ["publisherPriority", -1],
  ])("with %s %s cannot be written", (field, value) => {
    expectCodecError(() => encodeHeader({ [field]: value }), "value-invalid");
  });
});

describe("the examples of section 10.5", () => {
  test("a subgroup on one stream", () => {
    const bytes = annotated([
      ["14", "Type = 0x14"],
      ["02", "Track Alias = 2"],
      ["00", "Group ID = 0"],
      ["00", "Subgroup ID = 0"],
      ["00", "Publisher Priority = 0"],
      ["00", "Object ID Delta = 0: Object ID = 0"],
      ["04", "Object Payload Length = 4"],
      ["61626364", "abcd"],
      ["00", "Object ID Delta = 0: Object ID = 1"],
      ["04", "Object Payload Length = 4"],
      ["65666768", "efgh"],
    ]);
    expect(decodeStream(bytes)).toStrictEqual([
      { subgroup: { ...header, group: 0, publisherPriority: 0 } },
      { object: object(0, { sizeBytes: 4 }), payload: "61626364" },
      { object: object(1, { sizeBytes: 4 }), payload: "65666768" },
    ]);
  });

  test("a first object with two extension headers", () => {
    // The example gives the value 21 bytes and prints 14 of them; it is padded here.
    const value = text("traceID:123456.......");
    const extensions = annotated([
      ["04", "Type = 4"],
      ["c000000082582fd3", "Value = 2186817491"],
      ["404d", "Type = 77"],
      ["15", "Length = 21"],
      [toHex(value), "Value"],
    ]);
    const bytes = annotated([
      ["15 02 00 00 00", "Type = 0x15, Track Alias, Group ID, Subgroup ID, Publisher Priority"],
      ["00", "Object ID Delta = 0: Object ID = 0"],
      ["21", "Extension Headers Length = 33"],
      [toHex(extensions), "Extension headers"],
      ["04 61626364", "Object Payload Length = 4, abcd"],
      ["00", "Object ID Delta = 0: Object ID = 1"],
      ["00", "Extension Headers Length = 0"],
      ["04 65666768", "Object Payload Length = 4, efgh"],
    ]);
    expect(
      toHex(
        encodeKeyValuePairs([
          { type: 4, value: 0x82582fd3 },
          { type: 77, value },
        ]),
      ),
    ).toBe(toHex(extensions));
    expect(decodeStream(bytes)).toStrictEqual([
      { subgroup: { ...header, group: 0, publisherPriority: 0, hasExtensions: true } },
      { object: object(0, { sizeBytes: 4, extensions }), payload: "61626364" },
      { object: object(1, { sizeBytes: 4 }), payload: "65666768" },
    ]);
  });
});

describe("an object on a subgroup stream", () => {
  /** A stream without extensions, of which only the objects are of interest. */
  const objects = (bytes: string, type = "10"): unknown[] => decodeStream(hex(`${type} 02 00 00 ${bytes}`)).slice(1);

  test("has as id its delta if it is the first, else the id before plus delta plus one", () => {
    const events = objects("05 01 aa  00 01 bb  0a 01 cc");
    expect(events).toMatchObject([{ object: { id: 5 } }, { object: { id: 6 } }, { object: { id: 17 } }]);
    expect(encodeObject(-1, false, object(5, { sizeBytes: 1 }))).toBe("0501");
    expect(encodeObject(5, false, object(6, { sizeBytes: 1 }))).toBe("0001");
    expect(encodeObject(6, false, object(17, { sizeBytes: 1 }))).toBe("0a01");
  });

  test.each([
    [objectStatus.normal, "00"],
    [objectStatus.doesNotExist, "01"],
    [objectStatus.endOfGroup, "03"],
    [objectStatus.endOfTrack, "04"],
  ])("without payload says its status %i", (status, code) => {
    expect(objects(`00 00 ${code}`)).toStrictEqual([{ object: object(0, { status }), payload: "" }]);
    expect(encodeObject(-1, false, object(0, { status }))).toBe(`0000${code}`);
  });

  test.each(["02", "05", "3f", "ffffffffffffffff"])("has no status %s", (code) => {
    const error = codecErrorOf(() => objects(`00 00 ${code}`));
    expect(["value-undefined", "varint-too-large"]).toContain(error.code);
    expect(error.offset).toBe(6);
  });

  test.each([
    ["03", "end of group"],
    ["04", "end of track"],
  ])("may not follow status %s, the %s", (code) => {
    expect(objects(`00 00 ${code}`)).toHaveLength(1);
    expectCodecError(() => objects(`00 00 ${code} 00`), "object-after-end", "Object ID Delta", 7);
  });

  test("may follow one that does not exist", () => {
    expect(objects("00 00 01  00 01 aa")).toHaveLength(2);
  });

  test("that does not exist has no extensions", () => {
    expect(objects("00 00 00 01", "11")).toHaveLength(1);
    expectCodecError(() => objects("00 02 0401 00 01", "11"), "extensions-on-missing-object", "Extension headers", 6);
    const missing = object(0, { status: objectStatus.doesNotExist, extensions: hex("0401") });
    expectCodecError(() => encodeObject(-1, true, missing), "value-invalid");
  });

  test("may have extensions with the end of a group", () => {
    const end = object(0, { status: objectStatus.endOfGroup, extensions: hex("0401") });
    expect(objects("00 02 0401 00 03", "11")).toStrictEqual([{ object: end, payload: "" }]);
    expect(encodeObject(-1, true, end)).toBe("000204010003");
  });

  test("cannot be written with extensions the stream did not announce", () => {
    expectCodecError(() => encodeObject(-1, false, object(0, { extensions: hex("0401") })), "value-invalid");
  });

  test("cannot be written with a payload and a status", () => {
    const wrong = object(0, { status: objectStatus.endOfGroup, sizeBytes: 1 });
    expectCodecError(() => encodeObject(-1, false, wrong), "value-invalid");
  });

  test.each([
    [4, 4],
    [4, 3],
    [-1, -1],
    [0, 2 ** 53],
    [0, 1.5],
  ])("behind id %i cannot have id %s", (previousId, id) => {
    expectCodecError(() => encodeObject(previousId, false, object(id)), "value-invalid");
  });

  test("has an id of at most 2^53-1", () => {
    expect(objects("c01fffffffffffff 00 00")).toMatchObject([{ object: { id: Number.MAX_SAFE_INTEGER } }]);
    expectCodecError(() => objects("c01fffffffffffff 00 00  00 00 00"), "varint-too-large", "Object ID Delta", 14);
    expectCodecError(() => objects("c01ffffffffffffe 00 00  01 00 00"), "varint-too-large", "Object ID Delta", 14);
    expect(objects("c01ffffffffffffe 00 00  00 00 00")).toHaveLength(2);
  });

  test("is not written when its header does not fit, nor is anything else", () => {
    const target = new Uint8Array(20);
    const entry = object(5, { sizeBytes: 100, extensions: hex("0401") });
    const size = draft14.objectHeaderSize(-1, true, entry);
    expect(draft14.encodeObjectHeader(target, 3, 3 + size - 1, -1, true, entry)).toBe(0);
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect(draft14.encodeObjectHeader(target, 3, 3 + size, -1, true, entry)).toBe(size);
    expect(toHex(target.subarray(3, 3 + size))).toBe("050204014064");
  });
});

describe("extensions", () => {
  const stream = (block: Uint8Array, length = block.length): Uint8Array =>
    Uint8Array.of(0x11, 2, 0, 0, 0, 0x80, length >> 16, length >> 8, length, ...block, 0x00, 0x00);

  test("may have 65536 bytes by default, and not one more", () => {
    // One pair: type 5, a length of four bytes, the value.
    const block = (bytes: number): Uint8Array =>
      Uint8Array.of(0x05, 0x80, (bytes - 5) >> 16, (bytes - 5) >> 8, bytes - 5, ...new Uint8Array(bytes - 5));
    expect(decodeStream(stream(block(65_536)))).toHaveLength(2);
    const error = codecErrorOf(() => decodeStream(stream(new Uint8Array(0), 65_537)));
    expect(error).toMatchObject({ code: "extensions-too-long", kind: "limit", offset: 5 });
  });

  test("have the limit that the caller sets", () => {
    const limits = { ...defaultLimits, maxExtensionBytes: 2 };
    expect(decodeStream(stream(hex("0401")), undefined, limits)).toHaveLength(2);
    expectCodecError(() => decodeStream(stream(hex("0401 0401")), undefined, limits), "extensions-too-long");
  });

  test.each([
    ["a type and no value", "04"],
    ["half a type", "40"],
    ["half a value", "04 40"],
    ["a length beyond the block", "05 02 00"],
    ["a good pair and a bad one", "0401 05"],
  ])("that hold %s end the session with KEY_VALUE_FORMATTING_ERROR", (_title, block) => {
    const error = codecErrorOf(() => decodeStream(stream(hex(block))));
    expect(error).toMatchObject({ code: "pair-malformed", sessionCode: 0x6 });
    expect(error.offset).toBeGreaterThanOrEqual(9);
  });

  test("that hold a value of 65536 bytes end the session with PROTOCOL_VIOLATION", () => {
    const error = codecErrorOf(() => decodeStream(stream(hex("05 80010000 00"))));
    expect(error).toMatchObject({ code: "pair-value-too-long", sessionCode: 0x3 });
  });

  test("are handed over unchanged: order, repetition and long varints", () => {
    const block = hex("4004 01  0401  05 01 ff  8000003c 4000");
    expect(decodeStream(stream(block))[1]).toMatchObject({ object: { extensions: block } });
  });
});

describe("a stream decoder", () => {
  const bytes = hex("10 02 00 00  00 03 aabbcc  00 01 dd");

  test("passes payload through in the pieces it came in", () => {
    const pieces: string[] = [];
    const recorder = new Recorder();
    recorder.payload = (chunk, start, end) => pieces.push(toHex(chunk.subarray(start, end)));
    const decoder = draft14.createDataStreamDecoder();
    decoder.push(bytes, 0, 7, recorder);
    decoder.push(bytes, 7, bytes.length, recorder);
    expect(pieces).toStrictEqual(["aa", "bbcc", "dd"]);
    expect(decoder.offset).toBe(bytes.length);
  });

  test("stops behind the callback that paused it, and goes on from there", () => {
    const decoder = draft14.createDataStreamDecoder();
    const recorder = new Recorder();
    const events: number[] = [];
    recorder.subgroup = () => decoder.pause();
    recorder.object = () => decoder.pause();
    recorder.payload = () => {};
    for (let at = 0; at < bytes.length; ) {
      at = decoder.push(bytes, at, bytes.length, recorder);
      events.push(at);
    }
    expect(events).toStrictEqual([4, 6, 11, 12]);
    decoder.finish();
  });

  test.each([0, 1, 3, 5, 6, 8, 10])("does not take an end behind %i bytes for an end", (length) => {
    const decoder = draft14.createDataStreamDecoder();
    decoder.push(bytes, 0, length, new Recorder());
    expectCodecError(() => decoder.finish(), "stream-truncated", "FIN", length);
  });

  test.each([4, 9, 12])("takes an end behind %i bytes for an end", (length) => {
    const decoder = draft14.createDataStreamDecoder();
    decoder.push(bytes, 0, length, new Recorder());
    expect(() => decoder.finish()).not.toThrow();
  });

  test("says the same error again after the first", () => {
    const decoder = draft14.createDataStreamDecoder();
    expectCodecError(() => decoder.push(hex("00"), 0, 1, new Recorder()), "stream-type-unknown");
    expectCodecError(() => decoder.push(bytes, 0, 4, new Recorder()), "stream-type-unknown");
    expectCodecError(() => decoder.finish(), "stream-type-unknown");
  });

  test("counts offsets of errors from the start of the stream, across chunks", () => {
    const bad = hex("10 02 00 00  00 03 aabbcc  00 00 02");
    for (const size of [1, 2, 5, 100]) {
      expectCodecError(() => decodeStream(bad, () => size), "value-undefined", "Object Status", 11);
    }
  });
});
