/** Nodes of given versions, from the npm package `node`, kept in the cache where `run` keeps its own. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { run, thrice } from "./command.ts";
import { inCache } from "./paths.ts";
import { step } from "./steps.ts";

/** The binary of exactly this version of Node, fetched once. */
export async function nodeOfVersion(version: string): Promise<string> {
  if (process.versions.node === version) return process.execPath;
  const folder = inCache("node", version);
  const binary = `${folder}/node_modules/node/bin/node`;
  if (!existsSync(binary)) await step(`Node ${version}`, () => npmInstall(folder, `node@${version}`));
  return binary;
}

/** Installs one npm package into a folder of its own, whole or not at all. */
export async function npmInstall(folder: string, packageName: string): Promise<void> {
  const staging = `${folder}.${process.pid}`;
  const quiet = ["--no-save", "--no-audit", "--no-fund"];
  mkdirSync(staging, { recursive: true });
  await thrice(() =>
    run("npm", ["install", "--prefix", staging, ...quiet, "--ignore-scripts=false", packageName], {
      cwd: staging,
      log: `npm-${packageName.replaceAll("/", "-")}`,
      timeoutMs: 5 * 60_000,
    }),
  );
  rmSync(folder, { recursive: true, force: true });
  renameSync(staging, folder);
}
