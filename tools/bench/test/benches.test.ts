/** Every benchmark still runs: tiny sizes, no peers, no time limits on what is measured. */
import { describe, expect, test } from "vitest";
import { benches } from "../src/benches.ts";
import { fanOut } from "../src/fan-out.ts";
import type { Figure } from "../src/figure.ts";
import { idleMemory } from "../src/idle-memory.ts";
import type { Settings } from "../src/settings.ts";

const tiny: Settings = { seconds: 0.4, rounds: 1, warmUpMs: 200, peers: false };

/** Those whose size is a parameter run smaller here. */
const smaller: Readonly<Record<string, () => Promise<Figure[]>>> = {
  "fan-out": () => fanOut(tiny, { audiences: [2, 4], objectsPerSecond: 200 }),
  "idle-memory": () => idleMemory(tiny, 2, 6),
};

describe("each benchmark gives finite figures", () => {
  for (const [name, bench] of Object.entries(benches)) {
    test(name, { timeout: 60_000 }, async () => {
      const figures = await (smaller[name] ?? (() => bench.run(tiny)))();
      expect(figures.length).toBeGreaterThan(0);
      for (const figure of figures) {
        expect(figure.name).toMatch(new RegExp(`^${name}\\b`));
        expect(figure, figure.name).toMatchObject({ value: expect.any(Number), unit: expect.any(String) });
        expect(Number.isFinite(figure.value), `${figure.name} is ${figure.value}`).toBe(true);
        if (figure.peer !== "") expect(Number.isFinite(figure.ratio), `the ratio of ${figure.name}`).toBe(true);
      }
      const keys = figures.map((figure) => `${figure.name} ${figure.peer}`);
      expect(new Set(keys).size).toBe(keys.length);
    });
  }
});
