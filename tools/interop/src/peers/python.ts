/** Python packages, each in a virtual environment of its own, on whichever fitting Python this machine has. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Failure, run, step, thrice, which } from "@moqingbird/toolchain";
import { cargoFolder, type PythonPeer, pythonPins, pythonVersions } from "./pins.ts";

type PythonVersion = (typeof pythonVersions)[number];

const requirementsOf = (peer: PythonPeer): string[] =>
  Object.entries(pythonPins[peer]).map(([name, version]) => `${name}==${version}`);
const environmentFolder = (peer: PythonPeer, version: PythonVersion): string =>
  join(cargoFolder, peer === "aiomoqt" ? `venv-${version}` : `venv-${peer}-${version}`);
const stampOf = (peer: PythonPeer, version: PythonVersion): string =>
  join(environmentFolder(peer, version), ".installed");

/** The Python of the environment that holds the package, or undefined before it is installed. */
export function pythonOf(peer: PythonPeer): string | undefined {
  const version = pythonVersions.find((each) => present(peer, each));
  return version === undefined ? undefined : join(environmentFolder(peer, version), "bin", "python");
}

/** Makes the environments, unless there are such with these very pins. */
export async function installPythonPeers(): Promise<void> {
  for (const peer of Object.keys(pythonPins) as PythonPeer[]) if (pythonOf(peer) === undefined) await install(peer);
}

async function install(peer: PythonPeer): Promise<void> {
  const found = findPython();
  if (found === undefined) {
    throw new Failure(
      `${peer} needs Python ${pythonVersions.join(" or ")}, and neither PATH nor pyenv has one: install it (pyenv install 3.12, or apt-get install python3.13-venv where Debian has it).`,
    );
  }
  const requirements = requirementsOf(peer);
  const folder = environmentFolder(peer, found.version);
  const python = join(folder, "bin", "python");
  await step(`${requirements[0]} for Python ${found.version}`, async () => {
    rmSync(folder, { recursive: true, force: true });
    await run(found.program, ["-m", "venv", folder], { log: "peers-venv" });
    await thrice(() =>
      run(
        python,
        ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary=:all:", ...requirements],
        { log: "peers-pip", timeoutMs: 10 * 60_000 },
      ),
    );
    writeFileSync(stampOf(peer, found.version), requirements.join("\n"));
  });
}

function present(peer: PythonPeer, version: PythonVersion): boolean {
  const stamp = stampOf(peer, version);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === requirementsOf(peer).join("\n");
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
