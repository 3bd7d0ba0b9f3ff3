import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { withTable } from "../src/accept.ts";
import { benches } from "../src/benches.ts";

test("a table replaces the one between the marks of its benchmark, and nothing else", () => {
  const text = "a\n<!-- figures of x -->\nold\n<!-- end of x -->\nb <!-- figures of y --><!-- end of y -->";
  expect(withTable(text, "x", "new")).toBe(
    "a\n<!-- figures of x -->\n\nnew\n\n<!-- end of x -->\nb <!-- figures of y --><!-- end of y -->",
  );
  expect(() => withTable(text, "z", "new")).toThrow("no place for z");
});

test("docs/PERFORMANCE.md has a place for every benchmark", () => {
  const text = readFileSync(fileURLToPath(new URL("../../../docs/PERFORMANCE.md", import.meta.url)), "utf8");
  for (const name of Object.keys(benches)) expect(() => withTable(text, name, "")).not.toThrow();
});
