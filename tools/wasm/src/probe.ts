/** The AEAD alone as a small module (wasm/crates/aead-probe): tests and benchmarks reach it, the engine does not export it. */
import { readFileSync } from "node:fs";
import { probeFile } from "./paths.ts";

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

/** A fresh instance of what tools/wasm built. */
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
