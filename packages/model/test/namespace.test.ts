import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ModelError, TrackName, TrackNamespace } from "../src/index.ts";

const field = fc.uint8Array({ maxLength: 12 });
const fields = fc.array(field, { maxLength: 5 });

describe("a namespace", () => {
  test("is written for people and read back to the same bytes", () => {
    fc.assert(
      fc.property(fields, (tuple) => {
        const namespace = TrackNamespace.of(...tuple);
        const again = TrackNamespace.parse(namespace.toString());
        expect(again.fields).toEqual(namespace.fields);
        expect(again.equals(namespace)).toBe(true);
      }),
    );
  });

  test("keeps text, slashes, escapes, controls and stray bytes apart", () => {
    expect(TrackNamespace.of("live", "köln").toString()).toBe("live/köln");
    expect(TrackNamespace.of("a/b", "50%", "x\ny", "").toString()).toBe("a%2Fb/50%25/x%0Ay/%");
    expect(TrackNamespace.of(Uint8Array.of(0xff, 0x41)).toString()).toBe("%FFA");
    expect(TrackNamespace.of("a\u202eb").toString()).toBe("a%E2%80%AEb");
  });

  test("has the same key exactly when the fields are the same", () => {
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const same = a.length === b.length && a.every((bytes, i) => bytes.join() === b[i]?.join());
        expect(TrackNamespace.of(...a).key === TrackNamespace.of(...b).key).toBe(same);
      }),
    );
    expect(TrackNamespace.of("a/b").equals(TrackNamespace.of("a", "b"))).toBe(false);
  });

  test("starts with a prefix of whole fields only", () => {
    const namespace = TrackNamespace.of("live", "room", "1");
    expect(namespace.startsWith(TrackNamespace.of())).toBe(true);
    expect(namespace.startsWith(TrackNamespace.of("live"))).toBe(true);
    expect(namespace.startsWith(namespace)).toBe(true);
    expect(namespace.startsWith(TrackNamespace.of("li"))).toBe(false);
    expect(namespace.startsWith(TrackNamespace.of("live", "room", "1", "2"))).toBe(false);
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const prefix = b.every((bytes, i) => bytes.join() === a[i]?.join() && i < a.length);
        expect(TrackNamespace.of(...a).startsWith(TrackNamespace.of(...b))).toBe(prefix);
      }),
    );
  });

  test("does not change with the bytes it was made of", () => {
    const bytes = Uint8Array.of(1, 2);
    const namespace = TrackNamespace.of(bytes);
    bytes[0] = 9;
    expect(namespace.fields[0]).toEqual(Uint8Array.of(1, 2));
  });

  test("takes 32 fields and 4096 bytes, and not one more", () => {
    expect(TrackNamespace.of(...Array(32).fill("x")).length).toBe(32);
    expect(() => TrackNamespace.of(...Array(33).fill("x"))).toThrow(/at most 32 fields, this one has 33/);
    expect(TrackNamespace.of(new Uint8Array(4096)).length).toBe(1);
    expect(() => TrackNamespace.of(new Uint8Array(4096), "x")).toThrow(ModelError);
    expect(() => TrackName.of(new Uint8Array(4097))).toThrow(/at most 4096 bytes, this one has 4097/);
  });

  test("refuses text that it would not write", () => {
    expect(() => TrackNamespace.parse("a//b")).toThrow(/empty field/);
    expect(() => TrackNamespace.parse("a%4")).toThrow(/two hex digits/);
    expect(TrackNamespace.parse("").length).toBe(0);
  });
});
