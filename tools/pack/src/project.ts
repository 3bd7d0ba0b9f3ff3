/** A user's project: the tarballs installed by npm, then imported and run. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inRoot, run, thrice } from "@moqingbird/toolchain";
import type { Runtime } from "./runtimes.ts";
import type { Tarball } from "./tarballs.ts";

/** Programs of docs/NODE.md that end by themselves. */
const examples = readdirSync(inRoot("examples/quic")).filter((name) => name !== "for-browsers.ts");

/** Makes the project; dependencies of ours on ours must come from the tarballs too, so they are overridden by name. */
export async function installProject(folder: string, tarballs: readonly Tarball[]): Promise<void> {
  const byName = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]));
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "user", private: true, type: "module", dependencies: byName, overrides: byName }),
  );
  await thrice(() =>
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder, log: "pack-install" }),
  );
  copyFileSync(inRoot("examples/quickstart.ts"), join(folder, "quickstart.ts"));
  for (const name of examples) copyFileSync(inRoot("examples/quic", name), join(folder, name));
  copyFileSync(inRoot("tools/pack/src/programs/quic.ts"), join(folder, "quic.ts"));
  writeFileSync(join(folder, "imports.mjs"), importAll(tarballs));
}

/** Imports every entry, asks every program for its help, and runs the quickstart and the examples, on the given runtime. */
export async function smoke(runtime: Runtime, folder: string, tarballs: readonly Tarball[]): Promise<void> {
  const [file, ...flags] = runtime.command;
  const start = (args: readonly string[]): Promise<void> =>
    run(file, [...flags, ...args], { cwd: folder, log: "pack-smoke", timeoutMs: 60_000 });
  await start(["imports.mjs"]);
  for (const program of tarballs.flatMap(({ programs }) => programs)) {
    await start([join("node_modules/.bin", program), "--help"]);
  }
  for (const program of ["quickstart.ts", ...examples]) {
    if (!runtime.failing.includes(program)) await start([program]);
    else if (await succeeds(start([program]))) throw new Error(`${program} works on ${runtime.name}: it is no gap.`);
  }
}

function succeeds(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function importAll(tarballs: readonly Tarball[]): string {
  const specifiers = tarballs.flatMap(({ name, entries }) => entries.map((entry) => name + entry.slice(1)));
  return `for (const name of ${JSON.stringify(specifiers)}) {
  const names = Object.keys(await import(name));
  if (names.length === 0) throw new Error(name + " exports nothing");
}
`;
}
