import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@moqingbird/source"] },
  ssr: { resolve: { conditions: ["@moqingbird/source"] } },
  test: {
    include: ["{packages,apps,tools}/*/test/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["tools/interop/**", "**/node_modules/**"],
    pool: "forks",
  },
});
