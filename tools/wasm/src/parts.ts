/** Small modules beside the engine, for tests and benchmarks: plain exports, no glue. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { linkFile, probeFile, sourceFolder } from "./paths.ts";

/** Runs a program in the cargo workspace and throws when it fails. */
export type Run = (program: string, args: readonly string[]) => void;

/** Crate and product of each. */
const parts = [
  { crate: "moqingbird-aead-probe", product: probeFile },
  { crate: "moqingbird-sim", product: linkFile },
] as const;

/** What the engine's wasm is optimised with, so that figures of one hold for the other (wasm/crates/abi/Cargo.toml). */
const optimisation = [
  "-O3",
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-reference-types",
  "--enable-multivalue",
];

/** Builds them with cargo and wasm-opt. `environment` is that of `run`. */
export function buildParts(run: Run, environment: NodeJS.ProcessEnv): void {
  const target = "wasm32-unknown-unknown";
  const packages = parts.flatMap(({ crate }) => ["--package", crate]);
  run("cargo", ["build", "--locked", "--release", "--lib", "--target", target, ...packages]);
  const built = join(environment.CARGO_TARGET_DIR ?? join(sourceFolder, "target"), target, "release");
  for (const { crate, product } of parts) {
    mkdirSync(dirname(product), { recursive: true });
    run("wasm-opt", [...optimisation, join(built, `${crate.replaceAll("-", "_")}.wasm`), "--output", product]);
  }
}
