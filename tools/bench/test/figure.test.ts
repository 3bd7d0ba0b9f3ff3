import { describe, expect, test } from "vitest";
import { alone, atLeast, atMost, less, median, more, sentence } from "../src/figure.ts";

describe("figures", () => {
  test("the median of an even number of values lies between the middle two", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test("the ratio is the median of the rounds' ratios, not the ratio of medians", () => {
    const figure = more("rate", "1/s", [10, 100, 30], { name: "peer", values: [5, 100, 20] });
    expect(figure).toMatchObject({ value: 30, peerValue: 20, ratio: 1.5 });
  });

  test("where less is better the ratio says how many times less", () => {
    expect(less("time", "us", [2], { name: "peer", values: [6] }, 2.5)).toMatchObject({ ratio: 3, ok: true });
    expect(less("time", "us", [3], { name: "peer", values: [6] }, 2.5)).toMatchObject({ ratio: 2, ok: false });
  });

  test("a budget without the peer it is measured against is not met", () => {
    expect(more("rate", "1/s", [10], { name: "peer", values: [] }, 1)).toMatchObject({ ratio: null, ok: false });
  });

  test("budgets on the value count at their edge", () => {
    expect(atMost(alone("memory", "KB", [40]), 40).ok).toBe(true);
    expect(atMost(alone("memory", "KB", [40.1]), 40).ok).toBe(false);
    expect(atLeast(alone("rate", "1/s", [500]), 500).ok).toBe(true);
    expect(atLeast(alone("rate", "1/s", [499]), 500).ok).toBe(false);
  });

  test("the line for people names peer, ratio and a missed budget", () => {
    const line = sentence(more("rate", "1/s", [10], { name: "a peer", values: [40] }, 0.45));
    expect(line).toContain("25.0 % against 40.0 of a peer  budget 45.0 %  SHORT OF BUDGET");
  });
});
