export { buildWasm } from "./build.ts";
export { engineFunctionNames } from "./names.ts";
export { type AeadProbe, aeadProbe } from "./probe.ts";
export { wasmIsCurrent } from "./stamp.ts";
