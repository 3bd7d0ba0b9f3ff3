/** The workspace's npm packages: pnpm at its pinned version, and an install only when the lock file changed. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname } from "node:path";
import { run, thrice, which } from "./command.ts";
import { npmInstall } from "./node.ts";
import { inCache, inRoot } from "./paths.ts";
import { step } from "./steps.ts";

const stamp = inRoot("node_modules", ".installed-lock");

/** Installs the workspace's dependencies when pnpm-lock.yaml is not the one they were installed from; true if so. */
export async function installWorkspace(): Promise<boolean> {
  const wanted = createHash("sha256")
    .update(readFileSync(inRoot("pnpm-lock.yaml")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return false;
  const pnpm = await findPnpm();
  await step("npm packages of the workspace", () =>
    thrice(() =>
      run(pnpm, ["install", "--frozen-lockfile", "--reporter=append-only"], {
        env: { CI: "true" }, // pnpm asks no questions
        log: "pnpm-install",
        timeoutMs: 5 * 60_000,
      }),
    ),
  );
  writeFileSync(stamp, wanted);
  return true;
}

/** Puts the pinned pnpm on this process's PATH, for the programs that call it by name. */
export async function putPnpmOnPath(): Promise<void> {
  process.env.PATH = `${dirname(await findPnpm())}${delimiter}${process.env.PATH}`;
}

/** pnpm of exactly the version in package.json: the one on PATH, or fetched by npm into the cache. */
async function findPnpm(): Promise<string> {
  const version = pnpmVersion();
  const onPath = which("pnpm");
  if (onPath !== undefined && versionOf(onPath) === version) return onPath;
  const folder = inCache("pnpm", version);
  const pnpm = `${folder}/node_modules/.bin/pnpm`;
  if (existsSync(pnpm)) return pnpm;
  await step(`pnpm ${version}`, () => npmInstall(folder, `pnpm@${version}`));
  return pnpm;
}

function pnpmVersion(): string {
  const manifest = JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as { packageManager: string };
  return manifest.packageManager.replace(/^pnpm@/, "").replace(/\+.*$/, "");
}

/** Asked outside the checkout: inside it, another pnpm would fetch and become the pinned one. */
function versionOf(pnpm: string): string {
  try {
    return execFileSync(pnpm, ["--version"], { cwd: "/", encoding: "utf8", timeout: 10_000 }).trim();
  } catch {
    return "";
  }
}
