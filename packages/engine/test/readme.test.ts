import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";

const folder = join(import.meta.dirname, "..");

test("the README shows the example that runs here, and what it prints", async () => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
  await import("../examples/hello.ts");
  vi.restoreAllMocks();
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  expect(readme).toContain(readFileSync(join(folder, "examples/hello.ts"), "utf8"));
  expect(lines).toEqual(['the server received "hello"']);
  expect(readme).toContain(lines[0]);
});
