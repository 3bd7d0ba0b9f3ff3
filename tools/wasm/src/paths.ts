/** Where the Rust workspace is, and where its product goes. */
import { fileURLToPath } from "node:url";

/** The cargo workspace. */
export const sourceFolder = fileURLToPath(new URL("../../../wasm/", import.meta.url));
/** Not in git; published with the engine package. */
export const productFolder = fileURLToPath(new URL("../../../packages/engine/wasm/", import.meta.url));
/** The AEADs alone (wasm/crates/aead-probe), for tests and benchmarks; not in git, never published. */
export const probeFile = fileURLToPath(new URL("../dist/aead.wasm", import.meta.url));
/** The simulator's link (wasm/crates/sim), which packages/testing loads; not in git, never published. */
export const linkFile = fileURLToPath(new URL("../../../packages/testing/wasm/link.wasm", import.meta.url));
/** Names of the engine's functions, for profiles; not in git, never published. */
export const namesFile = fileURLToPath(new URL("../dist/engine-names.json", import.meta.url));
/** This tool's own sources: another way to build is another product. */
export const toolFolder = fileURLToPath(new URL(".", import.meta.url));
/** Binaryen's programs. */
export const binFolder = fileURLToPath(new URL("../node_modules/.bin", import.meta.url));
