/** The versions of what is fetched beside the lock files. Node's own stands in `run`, pnpm's in package.json. */
export const pins = {
  /** Must equal the wasm-bindgen crate in wasm/Cargo.lock: the tool reads only the output of its own version. */
  wasmBindgen: "0.2.129",
  wasmPack: "0.15.1",
  /** Debian's LLVM whose clang compiles C for wasm and whose lld links it. */
  debianLlvm: "19",
} as const;
