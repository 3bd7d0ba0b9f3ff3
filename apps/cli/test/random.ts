/** Seeded randomness for tests: `TEST_SEED=n` repeats a run. */
import { randomInt } from "node:crypto";

export interface RandomSource {
  readonly seed: number;
  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number;
  bytes(length: number): Uint8Array;
}

/** Mulberry32. The seed belongs into every failure's message. */
export function randomSource(seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 31))): RandomSource {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  };
  return {
    seed,
    below: (limit) => Math.floor((next() / 2 ** 32) * limit),
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 4) {
        const word = next();
        for (let part = 0; part < 4 && at + part < length; part++) bytes[at + part] = word >>> (8 * part);
      }
      return bytes;
    },
  };
}
