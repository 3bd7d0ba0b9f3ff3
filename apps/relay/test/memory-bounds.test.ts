import { expect, test } from "vitest";
import { memoryBounds } from "../src/memory-bounds.ts";

const bytes = { atRest: 50_000, atMost: 7_000_000 };

test("connections that fit at rest are told with what they may grow to", () => {
  const { fits, says } = memoryBounds(1000, bytes, 67_000_000);
  expect(fits).toBe(true);
  expect(says).toBe(
    "1000 connections at rest take 50 MB of the engine's 67 MB, 7000 MB with all windows full; from 44 MB on windows shrink.",
  );
});

test("more connections than fit even at rest are a fault of the configuration, and how many fit is said", () => {
  const { fits, says } = memoryBounds(4096, bytes, 67_000_000);
  expect(fits).toBe(false);
  expect(says).toBe(
    "4096 connections at rest take 205 MB of the engine's 67 MB, 28672 MB with all windows full; about 1072 will fit, further ones are refused: allow fewer, or give the engine more.",
  );
});
