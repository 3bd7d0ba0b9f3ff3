import fc from "fast-check";
import { expect, test } from "vitest";
import { BlockPool, blockSize } from "../src/block-pool.ts";

test("a block is large enough, and wastes at most a quarter or 63 bytes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 24 }), (bytes) => {
      const size = blockSize(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size - bytes).toBeLessThan(Math.max(64, bytes / 4 + 1));
      expect(blockSize(size)).toBe(size);
    }),
  );
  expect([1, 64, 65, 256, 257, 4096, 65_536].map(blockSize)).toEqual([64, 64, 128, 256, 320, 4096, 65_536]);
});

test("a pool gives back what fits, holds no more than its bound, and shrinks on demand", () => {
  const pool = new BlockPool(4096);
  const block = new Uint8Array(1024);
  pool.give(block);
  pool.give(new Uint8Array(64));
  expect(pool.bytes).toBe(1024);
  expect(pool.take(2048)).toBeUndefined();
  expect(pool.take(1024)).toBe(block);
  expect(pool.take(1024)).toBeUndefined();
  for (let i = 0; i < 5; i++) pool.give(new Uint8Array(1024));
  expect(pool.bytes).toBe(4096);
  pool.shrink(1025);
  expect(pool.bytes).toBe(2048);
  pool.shrink(1e9);
  expect(pool.bytes).toBe(0);
});
