import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const conditions = ["@moqingbird/source"];
const common = { root: import.meta.dirname, pool: "forks" as const, testTimeout: 60_000, hookTimeout: 60_000 };

/**
 * Two projects, one after the other. In "together" the tests wait for answers and hardly compute, so their files run side
 * by side; those in "alone" measure, or fill the processor, and have the machine to themselves.
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
          name: "together",
          include: ["test/together/*.test.ts"],
          maxWorkers: Math.max(4, availableParallelism()),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...common,
          name: "alone",
          include: ["test/alone/*.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
