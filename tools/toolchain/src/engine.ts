/** The engine's wasm: tools/wasm builds it, and knows whether wasm/ changed since. */
import { existsSync } from "node:fs";
import { inRoot } from "./paths.ts";
export function engineIsCurrent(): boolean {
  return existsSync(inRoot("packages/engine/wasm/engine.wasm"));
}
export async function buildEngine(_env: NodeJS.ProcessEnv): Promise<void> {}
