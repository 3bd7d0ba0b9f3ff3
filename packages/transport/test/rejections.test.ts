import { expect, test } from "vitest";
import { RejectionRate } from "../src/quic/rejections.ts";

test("ten rejections are told in a burst and ten in each second, and what went untold is counted", () => {
  const rate = new RejectionRate();
  const burst = Array.from({ length: 100 }, () => rate.take(5_000_000));
  expect(burst.filter((untold) => untold === 0)).toHaveLength(10);
  expect(burst.filter((untold) => untold === undefined)).toHaveLength(90);
  expect(rate.take(5_050_000)).toBeUndefined();
  expect(rate.take(5_110_000)).toBe(91);
  expect(rate.take(5_220_000)).toBe(0);
});
