import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as model from "../src/index.ts";

const root = join(import.meta.dirname, "..");

test("the public surface is what this list says", () => {
  expect(Object.keys(model).sort()).toEqual([
    "BroadcastProducer",
    "Cache",
    "ModelError",
    "ObjectStatus",
    "Origin",
    "TrackName",
    "TrackNamespace",
    "compareLocations",
    "ending",
    "maxFullNameBytes",
    "maxNamespaceFields",
    "modelErrors",
  ]);
  expect(model.modelErrors.map((row) => row.code)).toEqual([
    "namespace-invalid",
    "name-invalid",
    "option-invalid",
    "no-consumers",
    "track-exists",
    "track-not-found",
    "track-rejected",
    "track-not-ready",
    "request-answered",
    "request-timeout",
    "read-timeout",
    "closed",
    "subgroup-open",
    "object-order",
    "object-incomplete",
    "object-overflow",
    "extensions-undeclared",
    "malformed-track",
    "group-dropped",
  ]);
});

test("the sources import nothing but each other: they run in browsers", () => {
  const folder = join(root, "src");
  for (const file of readdirSync(folder)) {
    const source = readFileSync(join(folder, file), "utf8");
    const imports = [...source.matchAll(/from "([^"]+)"/g)].map((match) => match[1]);
    expect(
      imports.filter((path) => !path?.startsWith("./")),
      file,
    ).toEqual([]);
    expect(source, file).not.toMatch(/\b(Buffer|process)\.\w|\brequire\(/);
  }
});

test("the README's example runs and prints what the README says", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, code, , output] = /```ts\n([\s\S]*?)```([\s\S]*?)```\n([\s\S]*?)```/.exec(readme) ?? [];
  const args = ["--conditions=@moqingbird/source", "--input-type=module-typescript", "--eval", code ?? ""];
  expect(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", timeout: 20_000 })).toBe(output);
});
