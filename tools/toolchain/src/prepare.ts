/**
 * What every command needs before it runs: the workspace's npm packages and the engine's wasm. Steps that do not wait
 * for each other overlap; what is there already costs a few file reads.
 */
import { createHash } from "node:crypto";
import { which } from "./command.ts";
import { buildEngine, engineIsCurrent } from "./engine.ts";
import { withLock } from "./lock.ts";
import { installWorkspace } from "./packages.ts";
import { inCache, root } from "./paths.ts";
import { rustEnvironment } from "./rust.ts";
import { say, seconds } from "./steps.ts";
import { installDebianCompiler } from "./sysroot.ts";
import { installWasmTools, wasmToolsPresent } from "./wasm-tools.ts";

const checkout = createHash("sha256").update(root).digest("hex").slice(0, 12);

/** Makes the checkout ready to run from source. Silent when there is nothing to do. */
export async function prepare(): Promise<void> {
  const started = performance.now();
  let worked = false;
  await withLock(inCache("locks", `checkout-${checkout}`), async () => {
    const packages = installWorkspace();
    if (engineIsCurrent()) {
      worked = await packages;
      return;
    }
    worked = true;
    const [rust] = await Promise.all([rustReady(), packages]);
    await buildEngine(rust);
  });
  if (worked) say(`   ready after ${seconds(performance.now() - started)}`);
}

/** A Rust toolchain for wasm and its tools; returns the environment that finds them. */
export function rustReady(): Promise<NodeJS.ProcessEnv> {
  return withLock(inCache("locks", "rust"), async () => {
    if (wasmToolsPresent()) return rustEnvironment();
    if (which("cargo") === undefined) await installDebianCompiler();
    const [rust] = await Promise.all([rustEnvironment(), installWasmTools(process.env)]);
    return rust;
  });
}
