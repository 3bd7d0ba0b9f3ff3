import { type ControlMessage, draft14, needMore, Reader, Writer } from "@moqingbird/codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMessage, messages } from "./support/arbitraries.ts";
import { decode, encode } from "./support/control.ts";
import { seeded } from "./support/seed.ts";

describe("every control message comes back as it was written", () => {
  test.each(Object.entries<fc.Arbitrary<ControlMessage>>(messages))("%s", (_type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        expect(decode(encode(message))).toStrictEqual(message);
      }),
      seeded,
    );
  });
});

test("every message cut anywhere wants more", () => {
  fc.assert(
    fc.property(anyMessage, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (message, part) => {
      const bytes = encode(message);
      expect(decode(bytes.subarray(0, Math.floor(bytes.length * part)))).toBe(needMore);
    }),
    seeded,
  );
});

test("messages written one after the other into one reused writer are read one after the other", () => {
  const writer = new Writer({ initialBytes: 1 });
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 5 }), (list) => {
      writer.reset();
      for (const message of list) draft14.encodeControl(writer, message);
      const reader = new Reader(writer.view());
      const read = list.map(() => draft14.decodeControl(reader));
      expect(read).toStrictEqual(list);
      expect(draft14.decodeControl(reader)).toBe(needMore);
    }),
    seeded,
  );
});
