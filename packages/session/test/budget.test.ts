import { expect, test } from "vitest";
import { Budget } from "../src/index.ts";

const reserve = 32 * 1024;

test("one session may hold half of what is shared, and the next half of the rest", () => {
  const budget = new Budget({ capacityBytes: 1000 });
  const [greedy, second] = [budget.open(), budget.open()];
  expect(greedy.take(reserve + 501)).toBe(false);
  expect(greedy.take(reserve)).toBe(true);
  expect(budget.usedBytes).toBe(0);
  for (let i = 0; i < 5; i++) expect(greedy.take(100)).toBe(true);
  expect(greedy.take(100)).toBe(false);
  expect(budget.usedBytes).toBe(500);
  expect(second.take(reserve + 250)).toBe(true);
  expect(second.take(100)).toBe(false);
});

test("every session has its reserve, however full the rest is", () => {
  const budget = new Budget({ capacityBytes: 0 });
  for (let i = 0; i < 10; i++) expect(budget.open().take(reserve)).toBe(true);
  expect(budget.open().take(reserve + 1)).toBe(false);
});

test("what is given back, and all of a session that is over, is free again", () => {
  const budget = new Budget({ capacityBytes: 1000 });
  const account = budget.open();
  account.take(reserve + 400);
  account.give(300);
  expect(budget.usedBytes).toBe(100);
  account.close();
  expect(budget.usedBytes).toBe(0);
  account.give(5000);
  expect(budget.usedBytes).toBe(0);
  expect(account.take(1)).toBe(false);
});

test("control messages of all peers share one pace", () => {
  const budget = new Budget({ controlBytesPerSecond: 1000 });
  expect(budget.grantControl(1000, 10_000)).toBe(50);
  expect(budget.grantControl(1000, 10_000)).toBe(0);
  expect(budget.grantControl(5, 10_020)).toBe(5);
  expect(budget.grantControl(1000, 10_020)).toBe(15);
});
