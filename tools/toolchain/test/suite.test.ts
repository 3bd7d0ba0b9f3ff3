import { expect, test } from "vitest";
import { cargoCounts, describe as sentence } from "../src/suite.ts";

test("the counts of several cargo test programs add up, ignored tests apart", () => {
  const output = [
    "running 3 tests",
    "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s",
    "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.10s",
  ];
  expect(cargoCounts(output)).toEqual({ passed: 8, failed: 2, skipped: 1 });
});

test("skipped tests are named only where there are any", () => {
  expect(sentence({ passed: 4, failed: 0, skipped: 0 })).toBe("4 passed, 0 failed");
  expect(sentence({ passed: 4, failed: 1, skipped: 2 })).toBe("4 passed, 1 failed, 2 skipped");
});
