export { buildWasm } from "./build.ts";
export { wasmIsCurrent } from "./stamp.ts";
