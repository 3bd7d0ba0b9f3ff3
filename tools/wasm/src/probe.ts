/** The AEADs alone as a small module (wasm/crates/aead-probe): tests and benchmarks reach them, the engine does not export them. */
import { readFileSync } from "node:fs";
import { probeFile } from "./paths.ts";

/** By their numbers in wasm/crates/aead-probe: ours, and ring's as they compile for wasm. */
const ciphers = [
  "chacha20-poly1305",
  "aes-128-gcm",
  "aes-256-gcm",
  "ring chacha20-poly1305",
  "ring aes-128-gcm",
  "ring aes-256-gcm",
] as const;

export type ProbeCipher = (typeof ciphers)[number];

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  arena(): number;
  use_key(cipher: number): void;
  seal_message(header: number, message: number): void;
  open_message(header: number, message: number): number;
  header_mask(): void;
}

/** One key and one message at a time, in the module's memory. */
export interface AeadProbe {
  /** 32 bytes, of which the cipher takes as many as its key has when `useKey` is called. */
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  /** 16 bytes: the tag of the message; for `mask` the sample, and then the mask in the first five. */
  readonly tag: Uint8Array;
  /** Header and message, one after the other. */
  readonly body: Uint8Array;
  /** Takes over what `key` holds; to be called before anything below and whenever `key` has changed. */
  useKey(): void;
  /** Encrypts the message in place. */
  seal(headerBytes: number, messageBytes: number): void;
  /** Decrypts the message in place; false, and zeros, when the tag is not its own. */
  open(headerBytes: number, messageBytes: number): boolean;
  /** QUIC's header protection mask. */
  mask(): void;
}

/** A fresh instance of what tools/wasm built. */
export function aeadProbe(cipher: ProbeCipher): AeadProbe {
  const module = new WebAssembly.Module(readFileSync(probeFile));
  const { exports } = new WebAssembly.Instance(module, neverCalled(module));
  const probe = exports as unknown as Exports;
  const useKey = () => probe.use_key(ciphers.indexOf(cipher));
  useKey(); // memory grows for the first key, which would end the views of it
  const at = probe.arena() >>> 0;
  const view = (offset: number, length: number) => new Uint8Array(probe.memory.buffer, at + offset, length);
  return {
    key: view(0, 32),
    nonce: view(32, 12),
    tag: view(48, 16),
    body: view(64, (16 << 10) - 64),
    useKey,
    seal: (header, message) => probe.seal_message(header, message),
    open: (header, message) => probe.open_message(header, message) === 1,
    mask: () => probe.header_mask(),
  };
}

/** ring brings wasm-bindgen's imports for entropy, which encryption wants none of. */
function neverCalled(module: WebAssembly.Module): object {
  const imports: Record<string, Record<string, () => never>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = () => {
      throw new Error(`the probe called ${from}.${name}`);
    };
  }
  return imports;
}
