/** Every package can be published alone: what its package.json must say, and the files that must stand beside it. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { manifests, read, root } from "./support/sources.ts";

const all = manifests();
const published = all.filter((manifest) => manifest.private !== true);

describe.each(published.map((manifest) => [manifest.name, manifest] as const))("%s", (_, manifest) => {
  test("says what it is, under which licence, and for which Node", () => {
    expect(manifest.description).toMatch(/\w{3}/);
    expect(manifest.license).toBe("MIT OR Apache-2.0");
    expect(manifest.type).toBe("module");
    expect(manifest.engines).toEqual({ node: ">=22" });
    expect(manifest.version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    expect(manifest.sideEffects).toBe(false);
    expect(manifest.publishConfig?.access).toBe("public");
  });

  test("exports its source to the workspace, and types and code to the world", () => {
    const entries = Object.entries(manifest.exports ?? {});
    expect(entries.length).toBeGreaterThan(0);
    for (const [entry, { "@moqingbird/source": source, ...world }] of entries) {
      expect(source, entry).toMatch(/^\.\/src\/[\w/-]+\.ts$/);
      expect(existsSync(resolve(root, manifest.folder, source ?? ""))).toBe(true);
      if (Object.keys(world).length === 0) {
        expect(manifest.publishConfig?.exports, "an entry for the workspace only").not.toHaveProperty([entry]);
        continue;
      }
      expect(Object.keys(world), "types come first, or they are not found").toEqual(["types", "default"]);
      expect(world.default).toMatch(/^\.\/dist\/[\w/-]+\.js$/);
      expect(world.types).toBe(world.default?.replace(/\.js$/, ".d.ts"));
      expect(manifest.publishConfig?.exports?.[entry], "the published map has no source").toEqual(world);
    }
  });

  test("ships what was built, and nothing else", () => {
    expect(manifest.files).toContain("dist");
    expect(manifest.files).not.toContain("src");
    for (const program of Object.values(manifest.bin ?? {})) expect(program).toMatch(/^\.\/dist\/[\w/-]+\.js$/);
  });

  test("has a README with an example", () => {
    const readme = read(`${manifest.folder}/README.md`);
    expect(readme).toContain(`# ${manifest.name}`);
    expect(readme).toMatch(/```(ts|sh)?\n/);
  });
});

test("dependencies from outside are exact, and ours follow the workspace", () => {
  for (const { name, dependencies = {}, devDependencies = {} } of all) {
    for (const [other, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      const internal = all.some((manifest) => manifest.name === other);
      expect(version, `${name} -> ${other}`).toMatch(internal ? /^workspace:/ : /^\d+\.\d+\.\d+(-[\w.]+)?$/);
    }
  }
});

test("the wasm-bindgen tool and crate have the same version", async () => {
  const { pins } = await import("../tools/toolchain/src/pins.ts");
  const locked = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(read("wasm/Cargo.lock"))?.[1];
  expect(locked).toBe(pins.wasmBindgen);
});
