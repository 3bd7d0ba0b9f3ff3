/** The two public judges of a package: publint for its manifest and files, arethetypeswrong for its declarations. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "@moqingbird/toolchain";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Tarball } from "./tarballs.ts";

/** Throws with publint's findings, suggestions included. */
export async function lint({ source, file }: Tarball): Promise<void> {
  const bytes = readFileSync(file);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pkgDir: source, pack: { tarball }, strict: true });
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
