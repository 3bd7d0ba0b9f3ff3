import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Capsule, CapsuleReader, encodeCapsule } from "../../src/h3/capsules.ts";
import { fromWireCode, Http3Error, shownCode, toWireCode, unshownCode } from "../../src/h3/codes.ts";
import { FrameReader, type FrameSink, FrameType, frame } from "../../src/h3/frames.ts";
import { abilitiesOf, decodeSettings, encodeSettings, ourSettings, Setting } from "../../src/h3/settings.ts";
import { VarintParser, VarintReader, varint } from "../../src/varint.ts";
import { hex, toHex } from "./hex.ts";

describe("varints", () => {
  test.each([
    ["25", 37n],
    ["7bbd", 15_293n],
    ["9d7f3e7d", 494_878_333n],
    ["c2197c5eff14e88c", 151_288_809_941_952_652n],
  ])("RFC 9000 A.1: %s is %s", (bytes, value) => {
    expect(new VarintReader(hex(bytes)).exact()).toBe(value);
    expect(toHex(varint(value))).toBe(bytes);
    expect(new VarintReader(hex(bytes)).next()).toBe(Math.min(Number(value), Number.MAX_SAFE_INTEGER));
  });

  test("they arrive in any pieces, and longer ones than needed are taken", () => {
    const parser = new VarintParser();
    for (const byte of hex("4025")) expect(parser.feed(Uint8Array.of(byte), 0, 1)).toBe(1);
    expect(parser).toMatchObject({ done: true, value: 37 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n - 1n }), (value) => {
        const bytes = varint(value);
        const pieces = new VarintParser();
        for (const byte of bytes) pieces.feed(Uint8Array.of(byte), 0, 1);
        expect(pieces.done).toBe(true);
        expect(pieces.value).toBe(value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(value));
        expect(new VarintReader(bytes).exact()).toBe(value);
      }),
    );
  });
});

/** What a FrameReader gives out, DATA in one piece. */
class Frames implements FrameSink {
  readonly got: [number, string][] = [];
  largest = 0;
  begin(type: number): "whole" | "stream" | "skip" {
    if (type === FrameType.DATA) {
      this.got.push([type, ""]);
      return "stream";
    }
    return type === FrameType.HEADERS || type === FrameType.SETTINGS ? "whole" : "skip";
  }
  frame(type: number, payload: Uint8Array): void {
    this.largest = Math.max(this.largest, payload.length);
    this.got.push([type, toHex(payload)]);
  }
  part(bytes: Uint8Array, start: number, end: number): void {
    this.got.at(-1)![1] += toHex(bytes.subarray(start, end));
  }
}

function feedIn(
  pieces: readonly number[],
  bytes: Uint8Array,
  feed: (bytes: Uint8Array, start: number, end: number) => void,
) {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + Math.max(1, pieces[i % pieces.length] ?? 1));
    feed(bytes, at, end);
    at = end;
  }
}

describe("frames", () => {
  test("however the bytes are cut, the same frames come out; unknown and reserved ones are passed over", () => {
    const bytes = hex("0003 aabbcc 21 02 ffff 0102 1122 4021 01 ee 0000 0102 3344 00 01 dd");
    const expected = [
      [0, "aabbcc"],
      [1, "1122"],
      [0, ""],
      [1, "3344"],
      [0, "dd"],
    ];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }), (pieces) => {
        const frames = new Frames();
        const reader = new FrameReader(frames, 100);
        feedIn(pieces, bytes, (b, s, e) => reader.feed(b, s, e));
        reader.end();
        expect(frames.got).toEqual(expected);
      }),
    );
  });

  test("an end inside a frame is H3_FRAME_ERROR", () => {
    for (const bytes of ["01", "4001", "0103 aa", "0003 aabb"]) {
      const reader = new FrameReader(new Frames(), 100);
      reader.feed(hex(bytes), 0, hex(bytes).length);
      expect(thrown(() => reader.end())).toMatchObject({ code: "H3_FRAME_ERROR", wireCode: 0x106 });
    }
  });

  test("a frame too large to gather is H3_EXCESSIVE_LOAD at its length, before its bytes", () => {
    const read = (limit: number) => new FrameReader(new Frames(), limit).feed(hex("0104"), 0, 2);
    read(4);
    expect(thrown(() => read(3))).toMatchObject({ code: "H3_EXCESSIVE_LOAD", wireCode: 0x107 });
  });

  test.each([0x2, 0x6, 0x8, 0x9])("HTTP/2's frame type %i is H3_FRAME_UNEXPECTED", (type) => {
    const bytes = frame(type, new Uint8Array(0));
    expect(thrown(() => new FrameReader(new Frames(), 9).feed(bytes, 0, bytes.length))).toMatchObject({
      wireCode: 0x105,
    });
  });

  test("no bytes make the reader do anything but cut or refuse, and it gathers no more than its limit", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const frames = new Frames();
        const reader = new FrameReader(frames, 64);
        try {
          feedIn([3, 1, 7], noise, (b, s, e) => reader.feed(b, s, e));
          reader.end();
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error);
        }
        expect(frames.largest).toBeLessThanOrEqual(64);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("SETTINGS", () => {
  test("what Chromium and Firefox send amounts to WebTransport", () => {
    const chromium = encodeSettings([
      [0x1, 65_536],
      [0x6, 16_384],
      [0x7, 100],
      [0x33, 1],
      [0xffd277, 1],
      [0x2b603742, 1],
      [0x1f * 7 + 0x21, 2n ** 62n - 1n],
    ]);
    expect(abilitiesOf(decodeSettings(chromium))).toEqual({
      extendedConnect: false,
      datagrams: true,
      webTransport: true,
      onlyNewToken: false,
      maxSessions: undefined,
      maxFieldSectionBytes: 16_384,
    });
  });

  test("what we send is understood by every draft", () => {
    const sent = decodeSettings(ourSettings(16_384, 16));
    for (const [id, value] of [
      [Setting.ENABLE_WEBTRANSPORT_DRAFT02, 1n],
      [Setting.WEBTRANSPORT_MAX_SESSIONS_DRAFT06, 16n],
      [Setting.WEBTRANSPORT_MAX_SESSIONS_DRAFT07, 16n],
      [Setting.WT_MAX_SESSIONS_DRAFT13, 16n],
      [Setting.WT_ENABLED, 1n],
      [Setting.ENABLE_CONNECT_PROTOCOL, 1n],
      [Setting.H3_DATAGRAM, 1n],
      [Setting.H3_DATAGRAM_DRAFT04, 1n],
    ] as const)
      expect(sent.get(BigInt(id))).toBe(value);
    expect(abilitiesOf(sent)).toMatchObject({ extendedConnect: true, datagrams: true, webTransport: true });
  });

  test("draft -15 alone wants the new upgrade token", () => {
    const only = encodeSettings([[Setting.WT_ENABLED, 1]]);
    expect(abilitiesOf(decodeSettings(only))).toMatchObject({ webTransport: true, onlyNewToken: true });
  });

  test.each([
    ["a repeated setting", "0600 0600", "H3_SETTINGS_ERROR"],
    ["a repeated reserved setting, encoded in two ways", "2100 402100", "H3_SETTINGS_ERROR"],
    ["HTTP/2's ENABLE_PUSH", "0200", "H3_SETTINGS_ERROR"],
    ["HTTP/2's MAX_CONCURRENT_STREAMS", "0301", "H3_SETTINGS_ERROR"],
    ["HTTP/2's INITIAL_WINDOW_SIZE", "0401", "H3_SETTINGS_ERROR"],
    ["HTTP/2's MAX_FRAME_SIZE", "0501", "H3_SETTINGS_ERROR"],
    ["ENABLE_CONNECT_PROTOCOL 2", "0802", "H3_SETTINGS_ERROR"],
    ["H3_DATAGRAM 2", "3302", "H3_SETTINGS_ERROR"],
    ["WT_ENABLED 2", "ac7cf000 02", "H3_SETTINGS_ERROR"],
    ["an id without a value", "06", "H3_FRAME_ERROR"],
    ["a value cut short", "0640", "H3_FRAME_ERROR"],
  ])("%s is %s", (_, payload, code) => {
    expect(thrown(() => decodeSettings(hex(payload))).code).toBe(code);
  });

  test("large ids that differ only in their last bits are two settings", () => {
    const ids = [2n ** 62n - 1n, 2n ** 62n - 2n] as const;
    expect(decodeSettings(encodeSettings(ids.map((id) => [id, 0] as const))).size).toBe(2);
  });
});

describe("capsules", () => {
  const read = (bytes: Uint8Array, pieces: readonly number[] = [1]): Capsule[] => {
    const capsules: Capsule[] = [];
    const reader = new CapsuleReader((capsule) => capsules.push(capsule));
    feedIn(pieces, bytes, (b, s, e) => reader.feed(b, s, e));
    reader.end();
    return capsules;
  };

  test("CLOSE_WEBTRANSPORT_SESSION as bytes", () => {
    const close: Capsule = { type: "close", code: 7, reason: "bye" };
    expect(toHex(encodeCapsule(close))).toBe("68430700000007627965");
    expect(read(hex("6843 07 00000007 627965"))).toEqual([close]);
    expect(toHex(encodeCapsule({ type: "drain" }))).toBe("800078ae00");
  });

  test("a reason is cut to 1024 bytes at a character", () => {
    const [capsule] = read(encodeCapsule({ type: "close", code: 0, reason: `x${"é".repeat(600)}` }));
    expect(capsule).toEqual({ type: "close", code: 0, reason: `x${"é".repeat(511)}` });
  });

  test("known capsules come out in order, unknown ones are passed over, however they are cut", () => {
    const capsules: Capsule[] = [
      { type: "drain" },
      { type: "max-streams", unidirectional: true, limit: 2n ** 60n },
      { type: "max-data", limit: 2n ** 62n - 1n },
      { type: "close", code: 0xffff_ffff, reason: "" },
    ];
    const unknown = hex("2103 aabbcc 00 02 0000");
    const bytes = Buffer.concat([unknown, ...capsules.map(encodeCapsule)]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 }), (pieces) => {
        expect(read(bytes, pieces)).toEqual(capsules);
      }),
    );
  });

  test.each([
    ["bytes behind the close", "6843 04 00000000 00", "H3_MESSAGE_ERROR"],
    ["a close without a code", "6843 03 000000", "H3_MESSAGE_ERROR"],
    ["a close whose reason is no UTF-8", "6843 05 00000000 ff", "H3_MESSAGE_ERROR"],
    ["a close longer than 1028 bytes", "6843 4405", "H3_MESSAGE_ERROR"],
    ["a drain that says something", "800078ae 01 00", "H3_DATAGRAM_ERROR"],
    ["WT_MAX_STREAM_DATA, which is HTTP/2's", "990b4d3e 02 0000", "H3_DATAGRAM_ERROR"],
    ["WT_STREAM_DATA_BLOCKED, which is HTTP/2's", "990b4d42 02 0000", "H3_DATAGRAM_ERROR"],
    ["more than 2^60 streams", "990b4d3f 08 d000000000000001", "WT_FLOW_CONTROL_ERROR"],
    ["a limit that is no number", "990b4d3d 02 0000", "H3_DATAGRAM_ERROR"],
    ["an end inside", "6843 04 0000", "H3_DATAGRAM_ERROR"],
  ])("%s is %s", (_, bytes, code) => {
    expect(thrown(() => read(hex(bytes)))).toMatchObject({ code, scope: "stream" });
  });

  test("no bytes make the reader do anything but read or refuse", () => {
    const capsule = encodeCapsule({ type: "close", code: 1, reason: "mutated" });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(capsule.length), fc.nat(255), (noise, at, byte) => {
        const mutated = Buffer.concat([capsule, noise]);
        mutated[at] = byte;
        try {
          read(mutated, [2, 5]);
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("application error codes", () => {
  test.each([
    [0, 0x52e4a40fa8db],
    [1, 0x52e4a40fa8dc],
    [0x1d, 0x52e4a40fa8f8],
    [0x1e, 0x52e4a40fa8fa],
    [0xff, 0x52e4a40fa9e2],
    [0xffff_ffff, 0x52e5ac983162],
  ])("%i is 0x%i on the wire", (code, wire) => {
    expect(toWireCode(code)).toBe(wire);
    expect(fromWireCode(BigInt(wire))).toBe(code);
  });

  test("both ways the same, and no GREASE code stands for one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (code) => {
        const wire = toWireCode(code);
        expect((wire - 0x21) % 0x1f).not.toBe(0);
        expect(fromWireCode(BigInt(wire))).toBe(code);
      }),
    );
    expect(fromWireCode(0x52e4a40fa8f9n)).toBeUndefined();
  });

  test("codes outside of the range are no application's", () => {
    for (const wire of [0n, 0x100n, 0x52e4a40fa8dan, 0x52e5ac983163n, 2n ** 62n - 1n]) {
      expect(fromWireCode(wire)).toBeUndefined();
      expect(shownCode(wire)).toBe(wire + 2n ** 62n);
      expect(unshownCode(shownCode(wire))).toBe(wire);
    }
    expect(shownCode(0x52e4a40fa8dcn)).toBe(1n);
    expect(toWireCode(2n ** 62n - 1n)).toBe(0x52e5ac983162);
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
