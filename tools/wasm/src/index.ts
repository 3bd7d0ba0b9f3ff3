export { buildWasm } from "./build.ts";
export { engineFunctionNames } from "./names.ts";
export { type AeadProbe, aeadProbe, type ProbeCipher } from "./probe.ts";
export { wasmIsCurrent } from "./stamp.ts";
