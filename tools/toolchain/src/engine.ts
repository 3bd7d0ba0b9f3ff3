/** The engine's wasm: tools/wasm builds it, and knows whether wasm/ changed since. */
import { sizeLine } from "../../wasm/src/build.ts"; // by path: this runs before the workspace's packages are linked
import { wasmIsCurrent } from "../../wasm/src/stamp.ts";
import { run } from "./command.ts";
import { inRoot } from "./paths.ts";
import { type Detail, say, step } from "./steps.ts";

/** True when packages/engine has the wasm of the sources as they are. */
export const engineIsCurrent: () => boolean = wasmIsCurrent;

/** Compiles the Rust ahead of `buildEngine`, which then finds it done: this part needs neither wasm-pack nor wasm-bindgen. */
export function compileEngine(rust: NodeJS.ProcessEnv): Promise<void> {
  const flags = ["--locked", "--release", "--lib", "--target", "wasm32-unknown-unknown"];
  return step("the QUIC engine, Rust to WebAssembly", (detail) =>
    run("cargo", ["build", ...flags], {
      ...loggedBuild(rust, "engine-compile", detail),
      cwd: inRoot("wasm/crates/abi"),
    }),
  );
}

/** Makes the package's wasm and tells its size. */
export async function buildEngine(rust: NodeJS.ProcessEnv): Promise<void> {
  await step("the engine's package: wasm-bindgen, wasm-opt", (detail) =>
    run(process.execPath, [inRoot("tools/wasm/src/build.ts")], loggedBuild(rust, "engine-build", detail)),
  );
  say(`   ${sizeLine()}`);
}

function loggedBuild(env: NodeJS.ProcessEnv, log: string, detail: Detail) {
  const onLine = (line: string): void => {
    const crate = /^\s*Compiling (\S+)/.exec(line)?.[1];
    if (crate !== undefined) detail(crate);
  };
  return { env: { ...env, CARGO_NET_RETRY: "3" }, log, onLine };
}
