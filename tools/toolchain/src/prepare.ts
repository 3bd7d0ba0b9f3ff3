/**
 * What every command needs before it runs: the workspace's npm packages, the page for browsers and the engine's wasm. Steps that do not wait
 * for each other overlap; what is there already costs a few file reads.
 */
import { createHash } from "node:crypto";
import { thrice, which } from "./command.ts";
import { buildEngine, compileEngine, engineIsCurrent } from "./engine.ts";
import { withLock } from "./lock.ts";
import { installWorkspace } from "./packages.ts";
import { bundlePage } from "./page.ts";
import { inCache, root } from "./paths.ts";
import { rustEnvironment } from "./rust.ts";
import { say, seconds } from "./steps.ts";
import { installWasmTools, wasmToolsPresent } from "./wasm-tools.ts";

const checkout = createHash("sha256").update(root).digest("hex").slice(0, 12);

/** Makes the checkout ready to run from source. Silent when there is nothing to do. */
export async function prepare(): Promise<void> {
  const started = performance.now();
  const worked = await withLock(inCache("locks", `checkout-${checkout}`), async () => {
    const packages = installWorkspace();
    const page = packages.then(bundlePage);
    if (engineIsCurrent()) {
      await page;
      return packages;
    }
    const [environment] = await Promise.all([rustReady(), page]);
    await buildEngine(environment);
    return true;
  });
  if (worked) say(`   ready after ${seconds(performance.now() - started)}`);
}

/** A Rust toolchain for wasm, the tools that package its output, and on a cold machine the engine's Rust compiled ahead. */
export function rustReady(): Promise<NodeJS.ProcessEnv> {
  return withLock(inCache("locks", "rust"), async () => {
    if (wasmToolsPresent()) return rustEnvironment();
    if (which("cargo") === undefined) await rustEnvironment(); // brings one, or says what to install
    const compiled = rustEnvironment().then(async (environment) => {
      // Linking the engine keeps one core busy; the other compiles the tools meanwhile.
      await thrice(() => compileEngine(environment));
      return environment;
    });
    const [environment] = await Promise.all([compiled, installWasmTools(process.env)]);
    return environment;
  });
}
