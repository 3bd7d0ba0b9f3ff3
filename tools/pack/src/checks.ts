/** What a tarball must pass: our list of files, publint for the manifest, arethetypeswrong for the declarations. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "@moqingbird/toolchain";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Tarball } from "./tarballs.ts";

/** Throws when a file is missing that every user needs, or one is there that nobody does. */
export function contents({ name, file }: Tarball): void {
  const paths = execFileSync("tar", ["tzf", file], { encoding: "utf8" })
    .split("\n")
    .map((path) => path.replace("package/", ""));
  const needed = ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"];
  if (name === "@moqingbird/engine") needed.push("wasm/engine.wasm", "wasm/glue.cjs");
  const missing = needed.filter((path) => !paths.includes(path));
  const strange = paths.filter((path) => /^(src|test|node_modules)\/|\.(map|log|tgz)$|^wasm\/stamp/.test(path));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(", ")}`);
  if (strange.length > 0) throw new Error(`not for users: ${strange.join(", ")}`);
}

/** Throws with publint's findings, suggestions included. */
export async function lint({ file }: Tarball): Promise<void> {
  const bytes = readFileSync(file);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  if (messages.length > 0) throw new Error(messages.map((message) => formatMessage(message, pkg)).join("\n"));
}

/** Throws when a TypeScript user could not import an entry of the tarball. Our packages are ESM only. */
export function types({ file }: Tarball): Promise<void> {
  const attw = fileURLToPath(import.meta.resolve("@arethetypeswrong/cli/package.json")).replace(
    "package.json",
    "dist/index.js",
  );
  return run(process.execPath, [attw, file, "--profile", "esm-only", "--no-emoji", "--no-color"], { log: "attw" });
}
