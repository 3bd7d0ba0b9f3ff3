import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLock } from "../src/lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "moqingbird-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("work under one lock never overlaps, and the lock is gone afterwards", async () => {
  const path = join(folder, "lock");
  const order: string[] = [];
  const work = (name: string) => async () => {
    order.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} ends`);
  };
  await Promise.all([withLock(path, work("a")), withLock(path, work("b"))]);
  expect(order).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  expect(existsSync(path)).toBe(false);
});

test("a lock is released when the work throws", async () => {
  const path = join(folder, "lock");
  await expect(withLock(path, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(existsSync(path)).toBe(false);
});

test("the lock of a process that is gone is taken over", async () => {
  const path = join(folder, "lock");
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  mkdirSync(path);
  writeFileSync(join(path, "pid"), String(gone));
  await expect(withLock(path, async () => "done")).resolves.toBe("done");
});
