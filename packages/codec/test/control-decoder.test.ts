import { ControlDecoder, type ControlMessage, draft14, type Wire } from "@moqingbird/codec";
import { describe, expect, test } from "vitest";
import { expectCodecError } from "./support/expect.ts";
import { goldenMessages } from "./support/golden-control.ts";
import { annotated, hex } from "./support/hex.ts";
import { randomIntegers, seed } from "./support/seed.ts";

const stream = Uint8Array.from(goldenMessages.flatMap(({ bytes }) => [...annotated(bytes)]));
const expected = goldenMessages.map(({ message }) => message);

function decodeInChunks(nextSize: () => number): ControlMessage[] {
  const decoder = new ControlDecoder(draft14);
  const messages: ControlMessage[] = [];
  for (let at = 0; at < stream.length; ) {
    // Given in the middle of a larger buffer that is overwritten afterwards.
    const size = Math.min(nextSize(), stream.length - at);
    const chunk = new Uint8Array(size + 10).fill(0xff);
    chunk.set(stream.subarray(at, at + size), 5);
    decoder.push(chunk, 5, 5 + size, (message) => messages.push(message));
    chunk.fill(0);
    at += size;
  }
  decoder.finish();
  return messages;
}

describe("a control decoder", () => {
  test("gives every message of a stream that comes at once", () => {
    expect(decodeInChunks(() => stream.length)).toStrictEqual(expected);
  });

  test("gives the same messages byte by byte", () => {
    expect(decodeInChunks(() => 1)).toStrictEqual(expected);
  });

  test("gives the same messages in chunks of any size", () => {
    const below = randomIntegers(seed);
    for (let run = 0; run < 50; run++) {
      expect(
        decodeInChunks(() => 1 + below(40)),
        `TEST_SEED=${seed}`,
      ).toStrictEqual(expected);
    }
  });

  test("keeps one incomplete message and nothing else", () => {
    const decoder = new ControlDecoder(draft14);
    const message = Uint8Array.of(...hex("06 ffff 00"), ...new Uint8Array(65_534));
    decoder.push(message, 0, message.length - 1, () => {});
    expect(decoder.bufferedBytes).toBe(65_537);
    expect(() => decoder.push(message, message.length - 1, message.length, () => {})).toThrow();
    const other = new ControlDecoder(draft14);
    other.push(hex("0a 0001 06 0a"), 0, 5, () => {});
    expect(other.bufferedBytes).toBe(1);
  });

  test("says the same error again after the first", () => {
    const decoder = new ControlDecoder(draft14);
    expectCodecError(() => decoder.push(hex("3f"), 0, 1, () => {}), "message-type-unknown");
    expectCodecError(() => decoder.push(hex("0a 0001 06"), 0, 4, () => {}), "message-type-unknown");
    expectCodecError(() => decoder.finish(), "message-type-unknown");
  });

  test("gives the messages before an error", () => {
    const messages: ControlMessage[] = [];
    const decoder = new ControlDecoder(draft14);
    expectCodecError(
      () => decoder.push(hex("0a 0001 06 3f"), 0, 5, (message) => messages.push(message)),
      "message-type-unknown",
    );
    expect(messages).toStrictEqual([{ type: "unsubscribe", requestId: 6 }]);
  });

  test("does not take an end inside a message for an end", () => {
    const decoder = new ControlDecoder(draft14);
    decoder.push(hex("0a 00"), 0, 2, () => {});
    expectCodecError(() => decoder.finish(), "control-stream-truncated");
  });

  test("reads the rest of a chunk in the version that SETUP chose", () => {
    const asked: string[] = [];
    const spy = (name: string): Wire => ({
      ...draft14,
      decodeControl(reader, limits) {
        asked.push(name);
        return draft14.decodeControl(reader, limits);
      },
    });
    const decoder = new ControlDecoder(spy("first"));
    const bytes = hex("21 0002 01 00  0a 0001 06");
    decoder.push(bytes, 0, bytes.length, (message) => {
      if (message.type === "serverSetup") decoder.wire = spy("second");
    });
    expect(asked).toStrictEqual(["first", "second"]);
  });
});
