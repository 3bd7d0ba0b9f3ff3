/** aiomoqt, in a virtual environment of its own, on whichever fitting Python this machine has. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Failure, run, step, thrice, which } from "@moqingbird/toolchain";
import { cargoFolder, pythonPins, pythonVersions } from "./pins.ts";

type PythonVersion = (typeof pythonVersions)[number];

const requirements = Object.entries(pythonPins).map(([name, version]) => `${name}==${version}`);
const environmentFolder = (version: PythonVersion): string => join(cargoFolder, `venv-${version}`);
const stampOf = (version: PythonVersion): string => join(environmentFolder(version), ".installed");

/** The Python of the environment that holds aiomoqt, or undefined before it is installed. */
export function aiomoqtPython(): string | undefined {
  const version = pythonVersions.find(present);
  return version === undefined ? undefined : join(environmentFolder(version), "bin", "python");
}

/** Makes the environment unless there is one with these very pins. */
export async function installPythonPeers(): Promise<void> {
  if (aiomoqtPython() !== undefined) return;
  const found = findPython();
  if (found === undefined) {
    throw new Failure(
      `aiomoqt needs Python ${pythonVersions.join(" or ")}, and neither PATH nor pyenv has one: install it (pyenv install 3.12, or apt-get install python3.13-venv where Debian has it).`,
    );
  }
  const folder = environmentFolder(found.version);
  const python = join(folder, "bin", "python");
  await step(`aiomoqt ${pythonPins.aiomoqt} for Python ${found.version}`, async () => {
    rmSync(folder, { recursive: true, force: true });
    await run(found.program, ["-m", "venv", folder], { log: "peers-venv" });
    await thrice(() =>
      run(
        python,
        ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary=:all:", ...requirements],
        { log: "peers-pip", timeoutMs: 10 * 60_000 },
      ),
    );
    writeFileSync(stampOf(found.version), requirements.join("\n"));
  });
}

function present(version: PythonVersion): boolean {
  const stamp = stampOf(version);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === requirements.join("\n");
}

/** Looks at PATH, then at pyenv's folders. Each candidate is run: a pyenv shim may stand for a Python that is not there. */
function findPython(): { program: string; version: PythonVersion } | undefined {
  for (const version of pythonVersions) {
    const onPath = [which(`python${version}`), which("python3")];
    for (const program of [...onPath, ...pyenvPythons(version)]) {
      if (program !== undefined && versionOf(program) === version) return { program, version };
    }
  }
  return undefined;
}

function pyenvPythons(version: PythonVersion): string[] {
  const versions = join(process.env.PYENV_ROOT || join(homedir(), ".pyenv"), "versions");
  if (!existsSync(versions)) return [];
  return readdirSync(versions)
    .filter((name) => name.startsWith(`${version}.`))
    .map((name) => join(versions, name, "bin", "python"));
}

/** "3.12", or undefined for a Python that does not start or cannot make environments. */
function versionOf(program: string): string | undefined {
  try {
    const script = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])";
    return execFileSync(program, ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
