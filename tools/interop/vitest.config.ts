import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const conditions = ["@moqingbird/source"];
const common = { root: import.meta.dirname, pool: "forks" as const, testTimeout: 30_000, hookTimeout: 60_000 };

/**
 * Two projects, one after the other. "live" waits for clocks and pictures in real time and hardly computes, so its files
 * run side by side; "load" fills the processor, so each of its tests has the machine to itself.
 */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: "live",
          include: ["test/live/*.test.ts"],
          maxWorkers: Math.max(4, availableParallelism()),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...common,
          name: "load",
          include: ["test/load/*.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
