import { describe, expect, test } from "vitest";
import { decode, encode } from "./support/control.ts";
import { goldenMessages } from "./support/golden-control.ts";
import { annotated, toHex } from "./support/hex.ts";

describe.each(goldenMessages)("$title (section $section)", ({ bytes, message }) => {
  test("is written as the figure says", () => {
    expect(toHex(encode(message))).toBe(toHex(annotated(bytes)));
  });

  test("is read back field by field", () => {
    expect(decode(annotated(bytes))).toStrictEqual(message);
  });
});

test("there is an example of each of the 30 messages of section 9", () => {
  expect(new Set(goldenMessages.map(({ message }) => message.type)).size).toBe(30);
});
