import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";

const folder = join(import.meta.dirname, "..");

test("the README shows the example that runs here, and what it prints", async () => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
  await import("../examples/clock.ts");
  vi.restoreAllMocks();
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${readFileSync(join(folder, "examples/clock.ts"), "utf8")}\`\`\``);
  expect(readme).toContain(`\`\`\`\n${lines.join("\n")}\n\`\`\``);
});
