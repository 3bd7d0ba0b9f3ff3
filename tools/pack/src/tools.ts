/** The packages in the hands of a user's own tools: a compiler that knows browsers too, and a bundler. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inRoot, run } from "@moqingbird/toolchain";
import { build, type Metafile } from "esbuild";
import type { Runtime } from "./runtimes.ts";

/** Throws when the declarations do not compile, library checks included, where lib.dom is there as well. */
export function besideDom(folder: string): Promise<void> {
  copyFileSync(inRoot("tools/pack/programs/beside-dom.ts"), join(folder, "beside-dom.ts"));
  const tsc = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
  const options = {
    target: "es2024",
    lib: "es2024,esnext.disposable,dom,dom.iterable",
    module: "nodenext",
    types: "node",
    typeRoots: inRoot("node_modules/@types"),
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return run(process.execPath, [tsc, "--noEmit", "--strict", "--ignoreConfig", ...flags, "beside-dom.ts"], {
    cwd: folder,
    log: "pack-types",
  });
}

/** Throws when what pages import needs Node, or a program for Node does not run once it is bundled. */
export async function bundled(folder: string, { command: [program, ...flags] }: Runtime): Promise<void> {
  copyFileSync(inRoot("tools/pack/programs/page.ts"), join(folder, "page.ts"));
  const options = { absWorkingDir: folder, bundle: true, format: "esm", metafile: true, logLevel: "silent" } as const;
  const page = await build({ ...options, entryPoints: ["page.ts"], platform: "browser", write: false });
  const node = importsOf(page.metafile).filter((path) => path.startsWith("node:"));
  if (node.length > 0) throw new Error(`A page would import ${node.join(", ")}.`);
  // The engine reads its wasm from its own folder.
  const external = ["@moqingbird/engine"];
  await build({
    ...options,
    entryPoints: ["quickstart.ts"],
    platform: "node",
    external,
    outfile: "bundle.mjs",
    banner,
  });
  await run(program, [...flags, "bundle.mjs"], { cwd: folder, log: "pack-bundle", timeoutMs: 60_000 });
}

/** CommonJS modules in a bundle ask for Node's own by `require`. */
const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };

function importsOf({ inputs }: Metafile): string[] {
  return Object.values(inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
}
