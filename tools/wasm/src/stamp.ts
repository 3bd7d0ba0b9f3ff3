/** Knows whether the built wasm belongs to the sources: a hash over both of them, kept beside the product. */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkFile, namesFile, probeFile, productFolder, sourceFolder, toolFolder } from "./paths.ts";

const stampFile = join(productFolder, "stamp.txt");
const sources = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "crates/*/Cargo.toml", "crates/*/src/**/*.rs"];

/** Hash over names and contents of what the wasm is made from. */
export function sourceHash(): string {
  const hash = createHash("sha256");
  for (const [folder, patterns] of [
    [sourceFolder, sources],
    [toolFolder, ["*.ts"]],
  ] as const) {
    for (const name of globSync(patterns, { cwd: folder }).sort()) {
      hash
        .update(`${name}\0`)
        .update(readFileSync(join(folder, name)))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

/** True when the wasm in packages/engine was built from the sources as they are. */
export function wasmIsCurrent(): boolean {
  const product = ["engine.wasm", "glue.cjs"].map((name) => join(productFolder, name));
  return (
    [...product, probeFile, linkFile, namesFile].every((file) => existsSync(file)) &&
    existsSync(stampFile) &&
    readFileSync(stampFile, "utf8").trim() === sourceHash()
  );
}

/** Marks the product as built from the sources that had this hash. */
export function writeStamp(hash: string): void {
  writeFileSync(stampFile, `${hash}\n`);
}
