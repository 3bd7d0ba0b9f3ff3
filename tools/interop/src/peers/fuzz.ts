/**
 * The libFuzzer targets of `wasm/fuzz`. cargo-fuzz wants a nightly compiler only for its flags; RUSTC_BOOTSTRAP lets the
 * stable one take them. Without a sanitizer: the code is safe Rust, and what is looked for are panics, hangs and memory.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inCache, inRoot, needApt, run, rustEnvironment, step, thrice } from "@moqingbird/toolchain";
import { cargoFolder, cargoFuzzPin } from "./pins.ts";

/** One per file of `wasm/fuzz/targets`. */
export const fuzzTargets = ["ingest", "calls", "aead"] as const;

export type FuzzTarget = (typeof fuzzTargets)[number];

const targetFolder = inCache("fuzz");
const triple = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-${process.platform === "darwin" ? "apple-darwin" : "unknown-linux-gnu"}`;

/** A target's program, whether it is there or not. */
export const fuzzTargetProgram = (target: FuzzTarget): string => join(targetFolder, triple, "release", target);

/** Installs cargo-fuzz once, and compiles what changed of the targets. */
export async function buildFuzzTargets(): Promise<void> {
  const environment = await rustEnvironment();
  await needApt("c++", "build-essential"); // libFuzzer itself
  if (!present()) await step(`cargo-fuzz ${cargoFuzzPin} (compiled once)`, () => install(environment));
  await step("fuzz targets", () =>
    run("cargo", ["fuzz", "build", "--sanitizer=none", `--target=${triple}`, "--fuzz-dir=."], {
      cwd: inRoot("wasm", "fuzz"),
      env: {
        ...environment,
        PATH: [join(cargoFolder, "bin"), environment.PATH].join(":"),
        CARGO_TARGET_DIR: targetFolder,
        RUSTC_BOOTSTRAP: "1",
      },
      log: "fuzz-build",
      timeoutMs: 30 * 60_000,
    }),
  );
}

async function install(environment: NodeJS.ProcessEnv): Promise<void> {
  const folder = inCache("peers", "target-cargo-fuzz");
  await thrice(() =>
    run("cargo", ["install", "--locked", "--root", cargoFolder, `cargo-fuzz@${cargoFuzzPin}`], {
      cwd: inCache(), // away from the checkout, whose cargo configuration is for wasm
      env: {
        ...environment,
        CARGO_NET_RETRY: "3",
        CARGO_TARGET_DIR: folder,
        CARGO_PROFILE_RELEASE_OPT_LEVEL: "0", // it runs for a second
        CARGO_PROFILE_RELEASE_LTO: "off",
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
      },
      log: "cargo-fuzz",
      timeoutMs: 30 * 60_000,
    }),
  );
  rmSync(folder, { recursive: true, force: true });
}

function present(): boolean {
  const record = join(cargoFolder, ".crates.toml"); // cargo's own list of what it installed
  return (
    existsSync(join(cargoFolder, "bin", "cargo-fuzz")) &&
    existsSync(record) &&
    readFileSync(record, "utf8").includes(`"cargo-fuzz ${cargoFuzzPin} `)
  );
}
