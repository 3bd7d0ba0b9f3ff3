/** Seeds of random tests: `TEST_SEED=n` repeats a run. */
import { randomInt } from "node:crypto";
import { vi } from "vitest";

// Random tests do much work each, and may run beside a build.
vi.setConfig({ testTimeout: 120_000 });

/** The seed of this run. It belongs into every failure's message; fast-check prints it by itself. */
export const seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));

/** For `fc.assert`. */
export const seeded = { seed, numRuns: 300 };

/** Integers from 0 up to, not including, `limit`, in a sequence that the seed fixes (Mulberry32). */
export function randomIntegers(from: number): (limit: number) => number {
  let state = from >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}
