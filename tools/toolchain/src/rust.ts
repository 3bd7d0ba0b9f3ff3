/**
 * A Rust toolchain that compiles for wasm: the one on PATH where it has the target (rustup target add), otherwise
 * Debian's compiler with the private sysroot of sysroot.ts. Described by the environment variables cargo needs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { which } from "./command.ts";
import { canInstall, installPackages } from "./debian.ts";
import { Failure } from "./failure.ts";
import { inCache } from "./paths.ts";
import { pins } from "./pins.ts";
import { debianSysroot, sysrootPossible } from "./sysroot.ts";

const target = "wasm32-unknown-unknown";

/**
 * Environment for `cargo` and `wasm-pack`, for wasm and native builds alike. What cargo compiles is kept outside the checkout,
 * so that a fresh clone compiles our own crates only.
 */
export async function rustEnvironment(): Promise<NodeJS.ProcessEnv> {
  const CARGO_TARGET_DIR = process.env.CARGO_TARGET_DIR ?? inCache("target");
  const path = (process.env.PATH ?? "").split(delimiter);
  const tools = inCache("tools", "bin");
  if (pathHasTarget()) {
    return { CARGO_TARGET_DIR, PATH: [tools, ...path].join(delimiter), ...(await wasmClang()) };
  }
  if (!sysrootPossible()) {
    throw new Failure(
      `Rust with the target ${target} is needed to build the engine: install rustup and run "rustup target add ${target}".`,
    );
  }
  const sysroot = await debianSysroot();
  return {
    CARGO_TARGET_DIR,
    PATH: [join(sysroot, "bin"), tools, ...path].join(delimiter),
    RUSTUP_TOOLCHAIN: undefined,
    ...(await wasmClang()),
  };
}

/** The same for `cargo clippy` and `cargo fmt`: on Debian with its packages of them, which know its compiler only. */
export async function rustLintEnvironment(): Promise<NodeJS.ProcessEnv> {
  const environment = await rustEnvironment();
  if (pathHasTarget()) {
    const missing = ["cargo-clippy", "cargo-fmt"].find((program) => which(program) === undefined);
    if (missing === undefined) return environment;
    throw new Failure(`${missing} is needed to check the engine: run "rustup component add clippy rustfmt".`);
  }
  if (canInstall()) await installPackages(["rust-web-clippy", "rustfmt-web"]);
  return { ...environment, PATH: ["/usr/bin", environment.PATH].join(delimiter) };
}

/** True where rustc on PATH (rustup's, or a distribution's) has std for wasm32. */
function pathHasTarget(): boolean {
  const rustc = which("rustc");
  if (rustc === undefined || which("cargo") === undefined) return false;
  try {
    const folder = execFileSync(rustc, ["--print", "target-libdir", "--target", target], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith("libstd-"));
  } catch {
    return false;
  }
}

/** ring's C code needs a clang with the wasm target, which Apple's and older ones lack. What the user set stays. */
async function wasmClang(): Promise<NodeJS.ProcessEnv> {
  if (process.env.CC_wasm32_unknown_unknown !== undefined) return {};
  let clang = findClang();
  if (clang === undefined && canInstall()) {
    await installPackages([`clang-${pins.debianLlvm}`, `llvm-${pins.debianLlvm}`]);
    clang = findClang();
  }
  if (clang === undefined) {
    throw new Failure(
      "A clang that compiles for wasm32 is needed to build the engine: install LLVM (apt-get install clang llvm, brew install llvm).",
    );
  }
  const version = /-\d+$/.exec(clang)?.[0] ?? "";
  return {
    CC_wasm32_unknown_unknown: clang,
    AR_wasm32_unknown_unknown: join(dirname(clang), `llvm-ar${version}`),
  };
}

function findClang(): string | undefined {
  const names = [`clang-${pins.debianLlvm}`, "clang", "clang-22", "clang-21", "clang-20", "clang-18", "clang-17"];
  const homebrew = ["/opt/homebrew/opt/llvm/bin/clang", "/usr/local/opt/llvm/bin/clang"].filter(existsSync);
  const found = names.map((name) => which(name)).filter((file) => file !== undefined);
  return [...found, ...homebrew].find((clang) => knowsWasm(clang) && hasArchiver(clang));
}

function knowsWasm(clang: string): boolean {
  try {
    return execFileSync(clang, ["--print-targets"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).includes(
      "wasm32",
    );
  } catch {
    return false;
  }
}

function hasArchiver(clang: string): boolean {
  return existsSync(join(dirname(clang), `llvm-ar${/-\d+$/.exec(clang)?.[0] ?? ""}`));
}
