import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  closeMessage,
  datagramFrameBytes,
  datagramPayload,
  parametersMessage,
  streamOverhead,
  writeDatagram,
  writeLimit,
  writePing,
  writeReset,
  writeStop,
  writeStreamCount,
  writeStreamHead,
  writeStreamLimit,
} from "../../src/qmux/encode.ts";
import { QmuxError } from "../../src/qmux/error.ts";
import { type Frame, FrameReader } from "../../src/qmux/frames.ts";
import { absentParameters, decodeParameters, encodeParameters } from "../../src/qmux/parameters.ts";
import type { WireVersion } from "../../src/qmux/versions.ts";
import { hex, toHex } from "../h3/hex.ts";

function read(bytes: Uint8Array, version: WireVersion = "qmux-02"): Frame[] {
  const reader = new FrameReader(bytes, version);
  const frames: Frame[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  return frames;
}

/** Payloads as text of hex digits, the rest as it is. */
function plain(frame: Frame): unknown {
  if (frame.kind !== "stream" && frame.kind !== "datagram") return frame;
  const { bytes, start, end, ...rest } = frame;
  return { ...rest, payload: toHex(bytes.subarray(start, end)) };
}

function written(write: (to: Uint8Array) => number): string {
  const to = new Uint8Array(64);
  return toHex(to.subarray(0, write(to)));
}

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof QmuxError) return error.errorName;
    throw error;
  }
  return "none";
}

describe("frames", () => {
  const unlimited = Number.MAX_SAFE_INTEGER;
  test.each<[string, string, unknown]>([
    ["STREAM to the end", "08 04 6869", { kind: "stream", id: 4, offset: 0, payload: "6869", fin: false }],
    ["STREAM with all bits", "0f 04 05 02 6869", { kind: "stream", id: 4, offset: 5, payload: "6869", fin: true }],
    ["STREAM with nothing", "0e 04 00 00", { kind: "stream", id: 4, offset: 0, payload: "", fin: false }],
    ["RESET_STREAM", "04 03 07 0a", { kind: "reset-stream", id: 3, code: 7n, finalSize: 10, reliableSize: undefined }],
    ["RESET_STREAM_AT", "24 03 07 0a 05", { kind: "reset-stream", id: 3, code: 7n, finalSize: 10, reliableSize: 5 }],
    ["STOP_SENDING", "05 03 ffffffffffffffff", { kind: "stop-sending", id: 3, code: 2n ** 62n - 1n }],
    ["MAX_DATA", "10 ffffffffffffffff", { kind: "max-data", limit: unlimited }],
    ["MAX_STREAM_DATA", "11 04 4400", { kind: "max-stream-data", id: 4, limit: 1024 }],
    ["MAX_STREAMS both ways", "12 08", { kind: "max-streams", direction: "bidirectional", limit: 8 }],
    ["MAX_STREAMS one way", "13 08", { kind: "max-streams", direction: "unidirectional", limit: 8 }],
    ["STREAMS_BLOCKED", "16 08", { kind: "blocked" }],
    ["CONNECTION_CLOSE", "1c 0a 08 02 6f6b", { kind: "close", application: false, code: 10n, reason: "ok" }],
    ["APPLICATION_CLOSE", "1d 07 02 6f6b", { kind: "close", application: true, code: 7n, reason: "ok" }],
    ["DATAGRAM to the end", "30 6869", { kind: "datagram", payload: "6869", frameBytes: 3 }],
    ["DATAGRAM with a length", "31 02 6869", { kind: "datagram", payload: "6869", frameBytes: 4 }],
    ["QX_PING", "f48c67529ef8c7bd 05", { kind: "ping", sequence: 5n }],
    ["its answer", "f48c67529ef8c7be 05", { kind: "pong", sequence: 5n }],
  ])("%s is read", (_, bytes, expected) => {
    expect(read(hex(bytes)).map(plain)).toEqual([expected]);
  });

  test("several of them are in one message, with padding between", () => {
    expect(read(hex("00 10 05 00 00 12 08 00")).map(({ kind }) => kind)).toEqual(["max-data", "max-streams"]);
    expect(read(new Uint8Array(0))).toEqual([]);
  });

  test("the first eight bytes are the ones of the draft: ff QMX CR LF CR LF", () => {
    expect(toHex(parametersMessage(absentParameters))).toBe("ff5153300d0a0d0a00");
  });

  test.each<[string, (to: Uint8Array) => number, string]>([
    ["RESET_STREAM", (to) => writeReset(to, 0, 3, 7n, 10), "0403070a"],
    ["RESET_STREAM of the older wire", (to) => writeReset(to, 0, 3, 7n, undefined), "040307"],
    ["STOP_SENDING", (to) => writeStop(to, 0, 3, 2n ** 62n - 1n), "0503ffffffffffffffff"],
    ["MAX_DATA", (to) => writeLimit(to, 0, "MAX_DATA", 1024), "104400"],
    ["DATA_BLOCKED", (to) => writeLimit(to, 0, "DATA_BLOCKED", 1024), "144400"],
    ["MAX_STREAM_DATA", (to) => writeStreamLimit(to, 0, "MAX_STREAM_DATA", 4, 1024), "11044400"],
    ["STREAM_DATA_BLOCKED", (to) => writeStreamLimit(to, 0, "STREAM_DATA_BLOCKED", 4, 1024), "15044400"],
    ["MAX_STREAMS", (to) => writeStreamCount(to, 0, "MAX_STREAMS", "unidirectional", 8), "1308"],
    ["STREAMS_BLOCKED", (to) => writeStreamCount(to, 0, "STREAMS_BLOCKED", "bidirectional", 8), "1608"],
    ["QX_PING", (to) => writePing(to, 0, 5n, false), "f48c67529ef8c7bd05"],
    ["its answer", (to) => writePing(to, 0, 5n, true), "f48c67529ef8c7be05"],
    ["DATAGRAM", (to) => writeDatagram(to, 0, hex("6869")), "31026869"],
  ])("%s is written", (_, write, expected) => {
    expect(written(write)).toBe(expected);
  });

  test.each([true, false])("a STREAM frame is written around its payload (QUIC frames: %s)", (quicFrames) => {
    const shape = fc.record({
      id: fc.integer({ min: 0, max: 2 ** 40 }),
      offset: fc.integer({ min: 0, max: 2 ** 40 }),
      payload: fc.uint8Array({ maxLength: 300 }),
      fin: fc.boolean(),
    });
    fc.assert(
      fc.property(shape, ({ id, offset, payload, fin }) => {
        const to = new Uint8Array(400).fill(0xee);
        to.set(payload, 3 + streamOverhead(quicFrames, id, offset));
        const end = writeStreamHead(to, 3, quicFrames, { id, offset, length: payload.length, fin });
        const [frame] = read(to.slice(3, end), quicFrames ? "qmux-01" : "webtransport");
        const expected = { kind: "stream", id, offset: quicFrames ? offset : undefined, payload: toHex(payload), fin };
        expect(plain(frame as Frame)).toEqual(expected);
        expect(to[end]).toBe(0xee);
      }),
    );
  });

  test("the largest datagram fills its frame and not more", () => {
    for (const frame of [0, 1, 2, 3, 64, 65, 66, 67, 16_381, 16_382, 16_390]) {
      const payload = datagramPayload(frame);
      expect(payload === 0 || datagramFrameBytes(payload) <= frame, String(frame)).toBe(true);
      expect(datagramFrameBytes(payload + 1), String(frame)).toBeGreaterThan(frame);
    }
  });

  test.each([
    ["an unknown type", "21", "FRAME_ENCODING_ERROR"],
    ["an unknown long type", "f48c67529ef8c7bf 05", "FRAME_ENCODING_ERROR"],
    ["PING, which is of packets", "01", "FRAME_ENCODING_ERROR"],
    ["ACK", "02 00 00 00 00", "FRAME_ENCODING_ERROR"],
    ["CRYPTO", "06 00 00", "FRAME_ENCODING_ERROR"],
    ["NEW_TOKEN", "07 01 00", "FRAME_ENCODING_ERROR"],
    ["NEW_CONNECTION_ID", "18", "FRAME_ENCODING_ERROR"],
    ["PATH_CHALLENGE", "1a 0000000000000000", "FRAME_ENCODING_ERROR"],
    ["HANDSHAKE_DONE", "1e", "FRAME_ENCODING_ERROR"],
    ["a type longer than need be", "4008 04", "PROTOCOL_VIOLATION"],
    ["a cut integer", "10 80 00", "FRAME_ENCODING_ERROR"],
    ["a cut payload", "0a 04 03 6869", "FRAME_ENCODING_ERROR"],
    ["a cut datagram", "31 03 6869", "FRAME_ENCODING_ERROR"],
    ["a cut reason", "1d 00 05 6f6b", "FRAME_ENCODING_ERROR"],
    ["a length that no message has", "0a 04 ffffffffffffffff 00", "FRAME_ENCODING_ERROR"],
    ["2^60 + 1 streams", "12 d000000000000001", "FRAME_ENCODING_ERROR"],
    ["a reliable size above the final one", "24 03 07 05 06", "FRAME_ENCODING_ERROR"],
  ])("%s is refused", (_, bytes, expected) => {
    expect(errorOf(() => read(hex(bytes)))).toBe(expected);
  });

  test("2^60 streams may be allowed", () => {
    expect(read(hex("12 d000000000000000"))).toHaveLength(1);
  });
});

describe("the older wire", () => {
  test.each<[string, string, unknown]>([
    ["STREAM", "08 04 6869", { kind: "stream", id: 4, offset: undefined, payload: "6869", fin: false }],
    ["STREAM with FIN", "09 4040", { kind: "stream", id: 64, offset: undefined, payload: "", fin: true }],
    [
      "RESET_STREAM",
      "04 03 07",
      { kind: "reset-stream", id: 3, code: 7n, finalSize: undefined, reliableSize: undefined },
    ],
    ["STOP_SENDING", "05 03 07", { kind: "stop-sending", id: 3, code: 7n }],
    ["APPLICATION_CLOSE", "1d 07 6f6b", { kind: "close", application: true, code: 7n, reason: "ok" }],
    ["CONNECTION_CLOSE", "1c 07", { kind: "close", application: false, code: 7n, reason: "" }],
  ])("%s is read", (_, bytes, expected) => {
    expect(read(hex(bytes), "webtransport").map(plain)).toEqual([expected]);
  });

  test.each(["00", "0a 04 01 68", "10 05", "31 01 68", "04 03 07 00", "04 03"])("%s is refused", (bytes) => {
    expect(errorOf(() => read(hex(bytes), "webtransport"))).toBe("FRAME_ENCODING_ERROR");
  });

  test("a close is read as it was written, in each wire, its reason cut at 1024 bytes between characters", () => {
    for (const version of ["qmux-02", "qmux-00", "webtransport"] as const) {
      for (const application of [true, false]) {
        const close = { application, code: 2n ** 62n - 1n, reason: "€".repeat(342) };
        const [frame] = read(closeMessage(version !== "webtransport", close), version);
        expect(frame).toEqual({ kind: "close", ...close, reason: "€".repeat(341) });
      }
    }
  });
});

describe("transport parameters", () => {
  const some = {
    ...absentParameters,
    maxIdleTimeoutMs: 30_000,
    initialMaxData: 1_048_576,
    initialMaxStreamDataBidiLocal: 1,
    initialMaxStreamDataBidiRemote: 2,
    initialMaxStreamDataUni: 3,
    initialMaxStreamsBidi: 4,
    initialMaxStreamsUni: 5,
    maxDatagramFrameBytes: 16_382,
    maxRecordBytes: 65_535,
    resetStreamAt: true,
  };

  test("they are read as they were written, and what is absent has its default", () => {
    expect(decodeParameters(encodeParameters(some))).toEqual(some);
    expect(decodeParameters(new Uint8Array(0))).toEqual(absentParameters);
    expect(absentParameters.maxRecordBytes).toBe(16_382);
  });

  test("unknown ones are ignored, the reserved ones among them", () => {
    expect(decodeParameters(hex("1b 02 abcd  7d4f 00  04 01 09"))).toEqual({ ...absentParameters, initialMaxData: 9 });
  });

  test.each([
    ["a forbidden one", "00 00"],
    ["another", "0e 01 02"],
    ["the last of the forbidden", "10 00"],
    ["one twice", "04 01 09 04 01 09"],
    ["an unknown one twice", "1b 00 1b 00"],
    ["a cut one", "04 02 09"],
    ["a value with bytes behind it", "04 02 09 00"],
    ["an empty value", "04 00"],
    ["more than 2^60 streams", "08 08 d000000000000001"],
    ["a record below 16382", "c571c59429cd0845 02 7ffd"],
    ["reset_stream_at with a value", "1d 01 00"],
  ])("%s is refused", (_, bytes) => {
    expect(errorOf(() => decodeParameters(hex(bytes)))).toBe("TRANSPORT_PARAMETER_ERROR");
  });
});

describe("whatever bytes come", () => {
  const versions = ["qmux-02", "qmux-00", "webtransport"] as const;
  const good = [
    parametersMessage({ ...absentParameters, initialMaxData: 70_000, maxDatagramFrameBytes: 16_382 }),
    hex("0f 04 05 02 6869 10 4400 24 03 07 0a 05 31 02 6869 f48c67529ef8c7bd 05"),
    closeMessage(true, { application: false, code: 10n, reason: "why" }),
    hex("09 04 6869"),
  ];
  const mutant = fc
    .record({
      bytes: fc.constantFrom(...good),
      changes: fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 6 }),
      length: fc.nat(120),
    })
    .map(({ bytes, changes, length }) => {
      const changed = new Uint8Array(Math.min(length, bytes.length + 8));
      changed.set(bytes.subarray(0, changed.length));
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed;
    });

  test.each(versions)("%s: they are frames within the message, or a coded error", (version) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutant), (bytes) => {
        try {
          for (const frame of read(bytes, version)) {
            if (frame.kind !== "stream" && frame.kind !== "datagram") continue;
            expect(frame.start).toBeGreaterThanOrEqual(0);
            expect(frame.end).toBeGreaterThanOrEqual(frame.start);
            expect(frame.end).toBeLessThanOrEqual(bytes.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(QmuxError);
          expect((error as QmuxError).code).toBeGreaterThan(1);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
