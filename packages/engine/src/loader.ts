/**
 * Instantiates the wasm, synchronously, any number of times per thread. The generated glue (wasm/glue.cjs) is wrapped by
 * the build in a function whose parameters shadow the globals it reads, so clock and entropy are the caller's.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Glue, Host } from "./abi.ts";
import { EngineError } from "./errors.ts";

/** Shadowed globals: what the glue finds instead of the real ones. */
export interface ShadowGlobals {
  readonly host: Host;
  readonly crypto: { getRandomValues(target: Uint8Array): Uint8Array };
  readonly performance: { now(): number };
  readonly Date: { now(): number };
}

/** Parameters: host, globalThis, self, window, crypto, performance, Date, process, global, module. */
type Bind = (host: Host, ...shadows: (object | undefined)[]) => Glue;

const wasmFolder = new URL("../wasm/", import.meta.url);
let compiled: WebAssembly.Module | undefined;
let bind: Bind | undefined;

/** The compiled module, read and compiled once per thread. */
export function compiledModule(): WebAssembly.Module {
  if (compiled === undefined) {
    try {
      compiled = new WebAssembly.Module(readFileSync(new URL("engine.wasm", wasmFolder)));
    } catch (cause) {
      throw new EngineError("not-built", undefined, { cause });
    }
  }
  return compiled;
}

/** A fresh set of set-up calls, not instantiated yet, that sees only the given globals. */
export function bindGlue(shadow: ShadowGlobals): Glue {
  compiledModule();
  bind ??= createRequire(import.meta.url)(fileURLToPath(new URL("glue.cjs", wasmFolder))) as Bind;
  const global = { crypto: shadow.crypto, performance: shadow.performance, Date: shadow.Date };
  return bind(
    shadow.host,
    global,
    global,
    global,
    shadow.crypto,
    shadow.performance,
    shadow.Date,
    undefined,
    global,
    undefined,
  );
}
