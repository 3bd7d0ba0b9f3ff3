/** The AEAD alone as a small module (wasm/crates/aead-probe): tests and benchmarks reach it, the engine does not export it. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { probeFile, sourceFolder } from "./paths.ts";

/** Runs a program in the cargo workspace and throws when it fails. */
export type Run = (program: string, args: readonly string[]) => void;

/** What the engine's wasm is optimised with, so that figures of one hold for the other (wasm/crates/abi/Cargo.toml). */
const optimisation = [
  "-O3",
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-reference-types",
  "--enable-multivalue",
];

/** Builds it with cargo and wasm-opt. `environment` is that of `run`. */
export function buildProbe(run: Run, environment: NodeJS.ProcessEnv): void {
  const target = "wasm32-unknown-unknown";
  run("cargo", ["build", "--locked", "--release", "--target", target, "--package", "moqingbird-aead-probe"]);
  mkdirSync(dirname(probeFile), { recursive: true });
  const built = join(
    environment.CARGO_TARGET_DIR ?? join(sourceFolder, "target"),
    target,
    "release",
    "moqingbird_aead_probe.wasm",
  );
  run("wasm-opt", [...optimisation, built, "--output", probeFile]);
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  arena(): number;
  seal_message(header: number, message: number): void;
  open_message(header: number, message: number): number;
  header_mask(): void;
}

/** One message at a time, in the module's memory. */
export interface AeadProbe {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  /** 16 bytes: the tag of the message; for `mask` the sample, and then the mask in the first five. */
  readonly tag: Uint8Array;
  /** Header and message, one after the other. */
  readonly body: Uint8Array;
  /** Encrypts the message in place. */
  seal(headerBytes: number, messageBytes: number): void;
  /** Decrypts the message in place; false, and zeros, when the tag is not its own. */
  open(headerBytes: number, messageBytes: number): boolean;
  /** QUIC's header protection mask. */
  mask(): void;
}

/** A fresh instance of what {@link buildProbe} built. */
export function aeadProbe(): AeadProbe {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(probeFile)), {});
  const probe = exports as unknown as Exports;
  const at = probe.arena() >>> 0;
  const view = (offset: number, length: number) => new Uint8Array(probe.memory.buffer, at + offset, length);
  return {
    key: view(0, 32),
    nonce: view(32, 12),
    tag: view(48, 16),
    body: view(64, (16 << 10) - 64),
    seal: (header, message) => probe.seal_message(header, message),
    open: (header, message) => probe.open_message(header, message) === 1,
    mask: () => probe.header_mask(),
  };
}
