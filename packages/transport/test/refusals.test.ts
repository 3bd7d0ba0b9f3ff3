import { expect, test } from "vitest";
import { Refusals } from "../src/quic/refusals.ts";

const second = 1_000_000;

test("refusals together with two seconds of silence and three unanswered packets mean that the peer is gone", () => {
  const refusals = new Refusals();
  expect(refusals.add(10 * second, 100)).toBeUndefined();
  expect(refusals.add(11.9 * second, 105)).toBeUndefined();
  expect(refusals.add(12 * second, 105)).toBe(2000);
});

test("refusals while we send nothing are not believed: they may be forged", () => {
  const refusals = new Refusals();
  expect(refusals.add(10 * second, 100)).toBeUndefined();
  expect(refusals.add(15 * second, 102)).toBeUndefined();
  expect(refusals.add(15 * second, 103)).toBe(5000);
});

test("a packet from the peer makes earlier refusals void", () => {
  const refusals = new Refusals();
  refusals.add(10 * second, 100);
  refusals.count = 0;
  expect(refusals.add(20 * second, 200)).toBeUndefined();
  expect(refusals.add(21 * second, 210)).toBeUndefined();
});
