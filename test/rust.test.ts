/** What concerns all of the Rust in wasm/: tests of the crates that ship run natively and in WebAssembly. */
import { expect, test } from "vitest";
import { files, read } from "./support/sources.ts";

/** It tells by backtraces who asks for memory, and WebAssembly has none; there the benchmark counts requests. */
const nativeAlone = "wasm/crates/quic/tests/allocations.rs";
const runsInWasm = "use wasm_bindgen_test::wasm_bindgen_test as test;";

test("a Rust test of cipher, allocator, engine or link model runs in WebAssembly too", () => {
  const tested = files("wasm/crates/{aead,heap,quic,sim}/**/*.rs").filter((path) => read(path).includes("#[test]"));
  expect(tested.length).toBeGreaterThan(10);
  expect(tested).toContain(nativeAlone);
  expect(
    tested
      .filter((path) => path !== nativeAlone)
      .flatMap((path) => nativeOnly(read(path)).map((line) => `${path}:${line}`)),
  ).toEqual([]);
});

/** Lines of the tests in whose module the attribute is not the one of wasm-bindgen. */
function nativeOnly(text: string): number[] {
  const found: number[] = [];
  let imported = new Set<number>();
  for (const [index, line] of text.split("\n").entries()) {
    const indent = line.length - line.trimStart().length;
    if (/^\s*mod \w+ \{/.test(line)) imported = new Set([...imported].filter((scope) => scope <= indent));
    if (line.trim() === runsInWasm) imported.add(indent);
    if (line.trim() === "#[test]" && !imported.has(indent)) found.push(index + 1);
  }
  return found;
}
