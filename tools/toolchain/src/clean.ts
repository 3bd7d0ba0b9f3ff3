/** `./run clean`: removes what was built in the checkout, and with `--cache` what is kept outside it. */
import { globSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { cache, inRoot, root } from "./paths.ts";
import { say } from "./steps.ts";

const built = [
  "{packages,apps,tools}/*/dist",
  "{packages,apps,tools}/*/node_modules",
  "packages/engine/wasm",
  "wasm/target",
  ".turbo",
  "coverage",
  "node_modules",
];

export function clean(options: { readonly cache: boolean }): void {
  for (const path of built.flatMap((pattern) => globSync(inRoot(pattern)))) {
    say(`   removing ${relative(root, path)}`);
    rmSync(path, { recursive: true, force: true });
  }
  if (!options.cache) return;
  say(`   removing ${cache}`);
  rmSync(cache, { recursive: true, force: true });
}
