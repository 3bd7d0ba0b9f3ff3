import { draft14, type FetchObjectHeader, noExtensions, objectStatus } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { expectCodecError } from "./support/expect.ts";
import { annotated, hex, toHex } from "./support/hex.ts";
import { decodeStream } from "./support/stream.ts";

const first: FetchObjectHeader = {
  group: 300,
  subgroup: 1,
  id: 7,
  publisherPriority: 200,
  sizeBytes: 2,
  status: objectStatus.normal,
  extensions: hex("0401"),
};

const second: FetchObjectHeader = {
  group: 301,
  subgroup: 0,
  id: 0,
  publisherPriority: 0,
  sizeBytes: 0,
  status: objectStatus.endOfGroup,
  extensions: noExtensions,
};

/** Section 10.4.4. */
const headerBytes = annotated([
  ["05", "Type = FETCH_HEADER"],
  ["0a", "Request ID = 10"],
]);

const firstBytes = annotated([
  ["412c", "Group ID = 300"],
  ["01", "Subgroup ID = 1"],
  ["07", "Object ID = 7"],
  ["c8", "Publisher Priority = 200"],
  ["02", "Extension Headers Length = 2"],
  ["04 01", "Extension header 4 = 1"],
  ["02", "Object Payload Length = 2"],
]);

const secondBytes = annotated([
  ["412d", "Group ID = 301"],
  ["00", "Subgroup ID = 0"],
  ["00", "Object ID = 0"],
  ["00", "Publisher Priority = 0"],
  ["00", "Extension Headers Length = 0"],
  ["00", "Object Payload Length = 0"],
  ["03", "Object Status = End of Group"],
]);

function encodeObject(previous: FetchObjectHeader | undefined, object: FetchObjectHeader): string {
  const target = new Uint8Array(200);
  const size = draft14.encodeFetchObjectHeader(target, 0, target.length, previous, object);
  expect(draft14.fetchObjectHeaderSize(previous, object)).toBe(size);
  return toHex(target.subarray(0, size));
}

describe("a fetch stream (section 10.4.4)", () => {
  test("is read field by field", () => {
    const bytes = Uint8Array.of(...headerBytes, ...firstBytes, 0xaa, 0xbb, ...secondBytes);
    expect(decodeStream(bytes)).toStrictEqual([
      { fetch: { requestId: 10 } },
      { fetchObject: first, payload: "aabb" },
      { fetchObject: second, payload: "" },
    ]);
  });

  test("is written as the figures say", () => {
    const target = new Uint8Array(draft14.maxFetchHeaderBytes);
    const size = draft14.encodeFetchHeader(target, 0, target.length, { requestId: 10 });
    expect(toHex(target.subarray(0, size))).toBe(toHex(headerBytes));
    expect(encodeObject(undefined, first)).toBe(toHex(firstBytes));
    expect(encodeObject(first, second)).toBe(toHex(secondBytes));
  });

  test("has a header no longer than maxFetchHeaderBytes", () => {
    const target = new Uint8Array(20);
    const header = { requestId: Number.MAX_SAFE_INTEGER };
    expect(draft14.encodeFetchHeader(target, 0, 20, header)).toBe(draft14.maxFetchHeaderBytes);
  });

  test("writes nothing that does not fit", () => {
    const target = new Uint8Array(20);
    expect(draft14.encodeFetchHeader(target, 0, 1, { requestId: 10 })).toBe(0);
    expect(draft14.encodeFetchObjectHeader(target, 0, firstBytes.length - 1, undefined, first)).toBe(0);
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect(draft14.encodeFetchObjectHeader(target, 0, firstBytes.length, undefined, first)).toBe(firstBytes.length);
  });

  test("may go on behind the end of a group: the next one follows", () => {
    const bytes = Uint8Array.of(...headerBytes, ...secondBytes, ...firstBytes, 0xaa, 0xbb);
    expect(decodeStream(bytes)).toHaveLength(3);
  });

  test("may go backwards: a descending fetch does", () => {
    const bytes = Uint8Array.of(...headerBytes, ...secondBytes, ...firstBytes, 0xaa, 0xbb);
    expect(decodeStream(bytes)).toMatchObject([{}, { fetchObject: { group: 301 } }, { fetchObject: { group: 300 } }]);
  });

  test("has no extensions on an object that does not exist", () => {
    const bytes = hex("05 0a  00 00 00 00 02 0401 00 01");
    expectCodecError(() => decodeStream(bytes), "extensions-on-missing-object", "Extension headers", 7);
  });

  test.each([
    ["group", -1],
    ["subgroup", 2 ** 53],
    ["id", 0.5],
    ["publisherPriority", 256],
    ["sizeBytes", -1],
    ["status", 2],
  ])("cannot be written with %s %s", (field, value) => {
    expectCodecError(() => encodeObject(undefined, { ...first, [field]: value }), "value-invalid");
  });
});
