import { type DatagramHeader, defaultLimits, draft14, noExtensions, objectStatus } from "@moqingbird/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { datagramHeader } from "./support/arbitraries.ts";
import { codecErrorOf, expectCodecError } from "./support/expect.ts";
import { annotated, hex, toHex } from "./support/hex.ts";
import { seeded } from "./support/seed.ts";

const header: DatagramHeader = {
  trackAlias: 2,
  group: 300,
  object: 7,
  publisherPriority: 128,
  endOfGroup: false,
  status: objectStatus.normal,
  extensions: noExtensions,
};

function encode(fields: DatagramHeader): Uint8Array {
  const target = new Uint8Array(500);
  const size = draft14.encodeDatagramHeader(target, 0, target.length, fields);
  expect(draft14.datagramHeaderSize(fields)).toBe(size);
  return target.subarray(0, size);
}

function decode(bytes: Uint8Array): DatagramHeader & { payload: string } {
  const { payloadStart, payloadEnd, ...rest } = draft14.decodeDatagram(bytes, 0, bytes.length);
  return { ...rest, payload: toHex(bytes.subarray(payloadStart, payloadEnd)) };
}

/** The table of section 10.3.1: type, end of group, extensions, object id present, status. */
const types: readonly (readonly [string, boolean, boolean, boolean, boolean])[] = [
  ["00", false, false, true, false],
  ["01", false, true, true, false],
  ["02", true, false, true, false],
  ["03", true, true, true, false],
  ["04", false, false, false, false],
  ["05", false, true, false, false],
  ["06", true, false, false, false],
  ["07", true, true, false, false],
  ["20", false, false, true, true],
  ["21", false, true, true, true],
];

describe("an object datagram (section 10.3.1)", () => {
  test.each(types)("of type %s", (type, endOfGroup, hasExtensions, hasObject, hasStatus) => {
    const bytes = annotated([
      [type, "Type"],
      ["02", "Track Alias = 2"],
      ["412c", "Group ID = 300"],
      [hasObject ? "07" : "", "Object ID = 7"],
      ["80", "Publisher Priority = 128"],
      [hasExtensions ? "02 0401" : "", "Extension Headers Length = 2, extension header 4 = 1"],
      [hasStatus ? "04" : "", "Object Status = End of Track"],
    ]);
    const expected: DatagramHeader = {
      ...header,
      object: hasObject ? 7 : 0,
      endOfGroup,
      status: hasStatus ? objectStatus.endOfTrack : objectStatus.normal,
      extensions: hasExtensions ? hex("0401") : noExtensions,
    };
    const payload = hasStatus ? "" : "aabb";
    expect(decode(Uint8Array.of(...bytes, ...hex(payload)))).toStrictEqual({ ...expected, payload });
    expect(toHex(encode(expected))).toBe(toHex(bytes));
  });

  test.each(["08", "0f", "10", "1f", "22", "24", "28", "3f", "4100", "ffffffffffffffff"])("has no type %s", (type) => {
    expectCodecError(() => decode(hex(`${type} 02 00 00 00 00`)), "datagram-type-unknown", "Type", 0);
  });

  test("may have an empty payload", () => {
    expect(decode(hex("00 02 412c 07 80"))).toStrictEqual({ ...header, payload: "" });
  });

  test("may say with a status that it is normal and has no payload", () => {
    expect(decode(hex("20 02 412c 07 80 00"))).toStrictEqual({ ...header, payload: "" });
  });

  test("that announces extensions has some", () => {
    const error = codecErrorOf(() => decode(hex("01 02 412c 07 80 00 aa")));
    expect(error).toMatchObject({ code: "extensions-empty", sessionCode: 0x3, offset: 6 });
  });

  test("cannot carry anything behind a status", () => {
    expectCodecError(() => decode(hex("20 02 412c 07 80 03 aa")), "datagram-overlong", "Object Status", 7);
  });

  test("has no extensions on an object that does not exist", () => {
    expectCodecError(() => decode(hex("21 02 412c 07 80 02 0401 01")), "extensions-on-missing-object");
    const wrong = { ...header, status: objectStatus.doesNotExist, extensions: hex("0401") };
    expectCodecError(() => encode(wrong), "value-invalid");
  });

  test("has only the statuses there are", () => {
    expectCodecError(() => decode(hex("20 02 412c 07 80 02")), "value-undefined", "Object Status", 6);
  });

  test("cannot say end of group with a status: there is no such type", () => {
    expectCodecError(() => encode({ ...header, endOfGroup: true, status: objectStatus.endOfGroup }), "value-invalid");
  });

  test("is refused with more extensions than the limit", () => {
    const bytes = hex("01 02 412c 07 80 04 0401 0401");
    const limits = { ...defaultLimits, maxExtensionBytes: 3 };
    expectCodecError(() => draft14.decodeDatagram(bytes, 0, bytes.length, limits), "extensions-too-long");
    expect(draft14.decodeDatagram(bytes, 0, bytes.length, { ...limits, maxExtensionBytes: 4 })).toBeDefined();
  });

  test.each(types)(
    "of type %s is an error at every truncation of its header",
    (type, _end, hasExtensions, hasObject, hasStatus) => {
      const rest = `${hasObject ? "07" : ""} 80 ${hasExtensions ? "02 0401" : ""} ${hasStatus ? "03" : ""}`;
      const bytes = hex(`${type} 02 412c ${rest}`);
      for (let length = 0; length < bytes.length; length++) {
        expectCodecError(() => draft14.decodeDatagram(bytes, 0, length), "datagram-truncated");
      }
    },
  );

  test("is not written when its header does not fit, nor is anything else", () => {
    const target = new Uint8Array(20);
    expect(draft14.encodeDatagramHeader(target, 3, 8, header)).toBe(0);
    expect(target.every((byte) => byte === 0)).toBe(true);
    expect(draft14.encodeDatagramHeader(target, 3, 9, header)).toBe(6);
  });

  test("comes back as it was written, with its payload", () => {
    fc.assert(
      fc.property(datagramHeader, fc.uint8Array({ maxLength: 50 }), (fields, bytes) => {
        const payload = fields.status === objectStatus.normal ? bytes : noExtensions;
        const datagram = Uint8Array.of(...encode(fields), ...payload);
        expect(decode(datagram)).toStrictEqual({ ...fields, payload: toHex(payload) });
      }),
      seeded,
    );
  });
});
