/** Builds the packages and packs them as `pnpm publish` would. */
import { globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inRoot, run, step } from "@moqingbird/toolchain";

export interface Tarball {
  readonly name: string;
  readonly version: string;
  /** Names of the programs it installs. */
  readonly programs: readonly string[];
  /** The entries of its export map: "." or "./name". */
  readonly entries: readonly string[];
  /** Path of the .tgz. */
  readonly file: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  /** What pnpm replaces while it packs: entries that only the workspace sees are missing here. */
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>> };
}

/** Builds what changed into each package's dist/. */
export function build(): Promise<void> {
  return step("building the packages", () =>
    run(inRoot("node_modules/.bin/turbo"), ["run", "build", "--output-logs=errors-only"], {
      env: { TURBO_TELEMETRY_DISABLED: "1" },
      log: "turbo-build",
    }),
  );
}

/** Packs every package that is not private; each lands in a folder of its own under the given one. */
export async function pack(folder: string): Promise<Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const path of globSync(inRoot("{packages,apps}/*/package.json")).sort()) {
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
    if (manifest.private === true) continue;
    const target = join(folder, manifest.name.replace("/", "-"));
    await run("pnpm", ["pack", "--pack-destination", target], { cwd: dirname(path), log: "pnpm-pack" });
    const [file] = readdirSync(target);
    if (file === undefined) throw new Error(`pnpm packed nothing for ${manifest.name}`);
    tarballs.push({
      name: manifest.name,
      version: manifest.version,
      programs: Object.keys(manifest.bin ?? {}),
      entries: Object.keys(manifest.publishConfig?.exports ?? manifest.exports ?? {}),
      file: join(target, file),
    });
  }
  return tarballs;
}
