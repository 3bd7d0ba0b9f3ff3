/**
 * `node tools/wasm/src/build.ts [--force]`: builds wasm/ into packages/engine/wasm, unless that is current.
 * Wants cargo, a rustc that knows wasm32-unknown-unknown, wasm-pack, wasm-bindgen and a clang for ring's C code on PATH;
 * wasm-opt comes with the npm package binaryen. Prints what it runs, and the size of the result.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { wrapGlue } from "./glue.ts";
import { splitNames, writeNames } from "./names.ts";
import { buildParts, type Run } from "./parts.ts";
import { binFolder, productFolder, sourceFolder } from "./paths.ts";
import { sourceHash, wasmIsCurrent, writeStamp } from "./stamp.ts";

/** Builds, whatever the stamp says. Throws with wasm-pack's exit code when it fails. */
export function buildWasm(environment: NodeJS.ProcessEnv = process.env): void {
  const hash = sourceHash();
  const out = mkdtempSync(join(tmpdir(), "moqingbird-wasm-"));
  const settings = ["--mode", "no-install", "--target", "no-modules", "--release", "--no-typescript", "--no-pack"];
  const wasmPack = ["build", "crates/abi", ...settings, "--out-dir", out, "--out-name", "engine"];
  const run: Run = (program, args) => {
    const { status, error } = spawnSync(program, args, {
      cwd: sourceFolder,
      env: { ...environment, PATH: [binFolder, environment.PATH ?? ""].join(delimiter) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (error) throw new Error(`${program} does not run: ${error.message}`, { cause: error });
    if (status !== 0) throw new Error(`${program} ended with exit code ${status}; its output above says why.`);
  };
  run("wasm-pack", [...wasmPack, "--locked"]);
  mkdirSync(productFolder, { recursive: true });
  const product = join(productFolder, "engine.wasm");
  const { module, names } = splitNames(readFileSync(join(out, "engine_bg.wasm")));
  writeFileSync(product, module);
  writeNames(names);
  writeFileSync(join(productFolder, "glue.cjs"), wrapGlue(readFileSync(join(out, "engine.js"), "utf8")));
  rmSync(out, { recursive: true });
  buildParts(run, environment);
  writeStamp(hash);
}

/** One line with the product's size as installed and as a download. */
export function sizeLine(): string {
  const bytes = readFileSync(join(productFolder, "engine.wasm"));
  const kilobytes = (count: number) => `${Math.round(count / 1000)} kB`;
  const size = statSync(join(productFolder, "engine.wasm")).size;
  return `engine.wasm: ${kilobytes(size)}, ${kilobytes(brotliCompressSync(bytes).length)} with brotli`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (wasmIsCurrent() && !process.argv.includes("--force")) {
    console.log("engine.wasm is current");
  } else {
    buildWasm();
  }
  console.log(sizeLine());
}
