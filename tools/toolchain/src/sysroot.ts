/**
 * A private Rust sysroot with std for wasm32, from Debian's own packages: built once per rustc, offline, kept in the cache.
 * Debian 12 ships rustc 1.96 (rustc-web) with std's sources and their dependencies, but no compiled std for this target.
 * The sysroot links to Debian's host libraries, adds std for wasm32, and wraps rustc so that plain cargo finds both.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";
import { canInstall, installPackages } from "./debian.ts";
import { inCache } from "./paths.ts";
import { pins } from "./pins.ts";
import { step } from "./steps.ts";

const target = "wasm32-unknown-unknown";
const rustlib = "/usr/lib/rustlib";
const vendored = "/usr/src"; // the folder of rust-web-src is named after the version
const llvmBin = `/usr/lib/llvm-${pins.debianLlvm}/bin`;
/** Counts up when the recipe below changes, so that an older build is not taken for it. */
const recipe = 3;

const debianPackages = [
  "rustc-web",
  "cargo-web",
  "rust-web-src",
  `clang-${pins.debianLlvm}`,
  `lld-${pins.debianLlvm}`,
  `llvm-${pins.debianLlvm}`,
];

/** True where the sysroot can be made: Debian's compiler is there already, or may be installed. */
export function sysrootPossible(): boolean {
  return process.platform === "linux" && (canInstall() || debianToolsPresent());
}

/** Debian's compiler with std's sources, and an LLVM that knows wasm. */
export async function installDebianCompiler(): Promise<void> {
  if (!debianToolsPresent()) await installPackages(debianPackages);
}

/** Returns the folder of the sysroot, built now if the cache has none for this compiler. */
export async function debianSysroot(): Promise<string> {
  await installDebianCompiler();
  const version = execFileSync("/usr/bin/rustc", ["-vV"], { encoding: "utf8" });
  const key = createHash("sha256").update(`${version}${recipe}`).digest("hex").slice(0, 12);
  const sysroot = inCache(`sysroot-${key}`);
  if (!existsSync(sysroot)) await step("Rust's std for wasm32", (detail) => build(sysroot, hostOf(version), detail));
  return sysroot;
}

function debianToolsPresent(): boolean {
  return ["/usr/bin/rustc", "/usr/bin/cargo", `${rustlib}/src/rust`, `${llvmBin}/clang`, `${llvmBin}/lld`].every(
    existsSync,
  );
}

function hostOf(version: string): string {
  return /^host: (.+)$/m.exec(version)?.[1] ?? "x86_64-unknown-linux-gnu";
}

/** Everything is put together beside its place and moved there last, so that a half-built one is never used. */
async function build(sysroot: string, host: string, detail: (text: string) => void): Promise<void> {
  mkdirSync(inCache(), { recursive: true });
  const staging = mkdtempSync(`${sysroot}.`);
  try {
    const rlibs = await compileStd(join(staging, "std"), detail);
    const library = join(staging, "lib/rustlib", target, "lib");
    mkdirSync(library, { recursive: true });
    for (const rlib of rlibs) copyFileSync(rlib, join(library, rlib.slice(rlib.lastIndexOf("/") + 1)));
    rmSync(join(staging, "std"), { recursive: true });

    const hostFolder = join(staging, "lib/rustlib", host);
    mkdirSync(join(hostFolder, "bin"), { recursive: true });
    symlinkSync(join(rustlib, host, "lib"), join(hostFolder, "lib"));
    symlinkSync(join(rustlib, "src"), join(staging, "lib/rustlib/src"));
    symlinkSync(join(llvmBin, "lld"), join(hostFolder, "bin/rust-lld"));

    mkdirSync(join(staging, "bin"));
    symlinkSync("/usr/bin/cargo", join(staging, "bin/cargo"));
    for (const tool of ["rustc", "rustdoc"]) {
      const wrapper = join(staging, "bin", tool);
      writeFileSync(wrapper, `#!/bin/sh\nexec /usr/bin/${tool} --sysroot '${sysroot}' "$@"\n`);
      chmodSync(wrapper, 0o755);
    }
    renameSync(staging, sysroot);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Compiles std for wasm32 with the dependencies Debian ships beside it; returns the paths of the libraries. */
async function compileStd(folder: string, detail: (text: string) => void): Promise<string[]> {
  mkdirSync(join(folder, "src"), { recursive: true });
  mkdirSync(join(folder, ".cargo"));
  writeFileSync(join(folder, "src/lib.rs"), "#![no_std]\n");
  writeFileSync(
    join(folder, "Cargo.toml"),
    '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n\n[profile.release]\npanic = "abort"\n\n[workspace]\n',
  );
  const source = readdirSync(vendored).find((name) => existsSync(join(vendored, name, "library/vendor")));
  writeFileSync(
    join(folder, ".cargo/config.toml"),
    `[source.crates-io]\nreplace-with = "debian"\n\n[source.debian]\ndirectory = "${vendored}/${source}/library/vendor"\n`,
  );
  await run(
    "/usr/bin/cargo",
    ["build", "--release", "--offline", "--target", target, "-Z", "build-std=std,panic_abort,test"],
    {
      cwd: folder,
      env: {
        ...unsetCargo(),
        CARGO_HOME: join(folder, "home"),
        RUSTC: "/usr/bin/rustc",
        RUSTC_BOOTSTRAP: "1",
        // fat LTO reads bitcode from std too; simd128 matches the flags of wasm/
        RUSTFLAGS: "-C embed-bitcode=yes -C target-feature=+simd128",
      },
      log: "sysroot",
      onLine: (line) => {
        const crate = /^\s*Compiling (\S+)/.exec(line)?.[1];
        if (crate !== undefined) detail(crate);
      },
    },
  );
  const deps = join(folder, "target", target, "release/deps");
  return readdirSync(deps)
    .filter((name) => name.endsWith(".rlib") && !name.startsWith("libempty"))
    .map((name) => join(deps, name));
}

/** What the user's shell may have set for other builds must not reach this one. */
function unsetCargo(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) =>
    /^(CARGO_(BUILD|ENCODED|PROFILE|TARGET)|RUSTUP_TOOLCHAIN)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, undefined]));
}
