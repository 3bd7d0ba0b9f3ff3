/** Files that one side serves and the other fetches: made from a seed, compared byte by byte. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newSeed, seededBytes } from "./files.ts";
import type { Lab } from "./lab.ts";

/** Files by name. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** Files of these sizes, whose bytes look random. */
export function makeFiles(sizes: readonly number[], seed: string = newSeed()): Files {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const bytes = new Uint8Array(seededBytes(seed, total));
  const files = new Map<string, Uint8Array>();
  let start = 0;
  for (const [i, size] of sizes.entries()) {
    files.set(`f${i}`, bytes.subarray(start, start + size));
    start += size;
  }
  return files;
}

/** The files whose bytes are not the same in both, or that only one has. */
export function differences(expected: Files, actual: Files): string[] {
  const names = new Set([...expected.keys(), ...actual.keys()]);
  return [...names].filter((name) => {
    const [left, right] = [expected.get(name), actual.get(name)];
    return left === undefined || right === undefined || Buffer.compare(left, right) !== 0;
  });
}

/** The folder that the peer's client puts files into. */
export async function intoFolder(lab: Lab, name = "into"): Promise<string> {
  const folder = lab.file(name);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Puts the files into the folder that the peer's server takes them from. */
export async function writeFiles(lab: Lab, files: Files): Promise<string> {
  const folder = lab.file("files");
  await mkdir(folder, { recursive: true });
  await Promise.all([...files].map(([name, bytes]) => writeFile(join(folder, name), bytes)));
  return folder;
}

/** What the peer has fetched. */
export async function fetchedBy(lab: Lab, name?: string): Promise<Files> {
  const folder = await intoFolder(lab, name);
  const names = await readdir(folder);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
}
