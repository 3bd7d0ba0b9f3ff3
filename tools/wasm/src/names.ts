/**
 * Names of the engine's functions. wasm-opt keeps them in the module's "name" section, which nobody who only runs it needs:
 * the build takes the section out and keeps what it says for profiles. Code and function indices stay as they are.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { namesFile } from "./paths.ts";

const headerBytes = 8;
const customSection = 0;
/** Subsection of the name section that names functions (WebAssembly core specification, appendix "Custom Sections"). */
const functionNames = 1;

/** Takes the names out of a module. */
export function splitNames(module: Uint8Array): { readonly module: Uint8Array; readonly names: Map<number, string> } {
  const kept = [module.subarray(0, headerBytes)];
  let names = new Map<number, string>();
  const reader = new Reader(module, headerBytes);
  while (!reader.done) {
    const start = reader.at;
    const id = reader.byte();
    const section = reader.bytes(reader.number());
    const content = new Reader(section, 0);
    if (id === customSection && content.text() === "name") names = readNames(content);
    else kept.push(module.subarray(start, reader.at));
  }
  return { module: Buffer.concat(kept), names };
}

/** Keeps them for {@link engineFunctionNames}. */
export function writeNames(names: ReadonlyMap<number, string>): void {
  mkdirSync(dirname(namesFile), { recursive: true });
  writeFileSync(namesFile, JSON.stringify([...names]));
}

/** Function index to name, of the engine's wasm as it was built last; without the compiler's hash suffixes. */
export function engineFunctionNames(): Map<number, string> {
  return new Map(JSON.parse(readFileSync(namesFile, "utf8")) as [number, string][]);
}

function readNames(reader: Reader): Map<number, string> {
  const names = new Map<number, string>();
  while (!reader.done) {
    const kind = reader.byte();
    const content = new Reader(reader.bytes(reader.number()), 0);
    if (kind !== functionNames) continue;
    for (let left = content.number(); left > 0; left--) {
      const index = content.number();
      names.set(index, content.text().replace(/::h[0-9a-f]{16}$/, ""));
    }
  }
  return names;
}

/** Reads a module's numbers, texts and sections. Ours alone: it has no limits. */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error("the wasm module ends too early");
    return byte;
  }

  /** LEB128. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  bytes(count: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.at, this.at + count);
    this.at += count;
    return bytes;
  }

  text(): string {
    return new TextDecoder().decode(this.bytes(this.number()));
  }
}
