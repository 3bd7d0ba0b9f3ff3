/** Programs that come from the system's package manager: installed on Debian as root, asked for elsewhere. */
import { existsSync, readdirSync } from "node:fs";
import { run, thrice, which } from "./command.ts";
import { Failure } from "./failure.ts";
import { step } from "./steps.ts";

const lists = "/var/lib/apt/lists";

/** True where apt-get is at hand and we may use it. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && which("apt-get") !== undefined;
}

/** Installs Debian packages by name; what is installed already costs nothing. */
export async function installPackages(names: readonly string[]): Promise<void> {
  const missing = names.filter((name) => !installed(name));
  if (missing.length === 0) return;
  await step(`Debian packages ${missing.join(" ")}`, async () => {
    if (!existsSync(lists) || !readdirSync(lists).some((file) => file.includes("_Packages"))) await update();
    let attempt = 0;
    await thrice(async () => {
      if (attempt++ > 0) await update(); // lists older than the archive name files that are gone
      await apt(["install", "-y", "--no-install-recommends", ...missing]);
    });
  });
}

/** Makes sure a program is on PATH, from the Debian package of this name where we may install it. */
export async function needApt(program: string, debianPackage = program): Promise<void> {
  if (which(program) !== undefined) return;
  if (!canInstall()) {
    throw new Failure(
      `${program} is needed and not on PATH: install it (on Debian: apt-get install ${debianPackage}).`,
    );
  }
  await installPackages([debianPackage]);
}

function installed(name: string): boolean {
  return (
    existsSync(`/var/lib/dpkg/info/${name}.list`) || existsSync(`/var/lib/dpkg/info/${name}:${debianArchitecture}.list`)
  );
}

const debianArchitecture = process.arch === "x64" ? "amd64" : process.arch;

const update = (): Promise<void> => thrice(() => apt(["update"]));

function apt(args: readonly string[]): Promise<void> {
  return run("apt-get", ["-q", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    log: `apt-${args[0]}`,
    timeoutMs: 10 * 60_000,
  });
}
