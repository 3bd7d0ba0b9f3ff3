/** The peers that come as crates: compiled once by cargo into the cache. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure, inCache, needApt, run, rustEnvironment, step, thrice, which } from "@moqingbird/toolchain";
import { type CargoPeer, cargoFolder, cratePins } from "./pins.ts";

/** A cargo peer's program, whether it is there or not. */
export const cargoProgram = (peer: CargoPeer): string => join(cargoFolder, "bin", peer);

/** Installs the crates that are missing or of another version. Silent when there is nothing to do. */
export async function installCargoPeers(): Promise<void> {
  const missing = (Object.keys(cratePins) as CargoPeer[]).filter((peer) => !present(peer));
  if (missing.length === 0) return;
  if (which("cargo") === undefined) await rustEnvironment(); // brings the compiler the engine is built with, or says what to install
  await needApt("cc", "build-essential");
  // One target folder for all: they share most of their dependencies, and a second try goes on where the first stopped.
  const targetFolder = inCache("peers", "target");
  await step(`${missing.join(", ")} (compiled once, about 5 minutes)`, async (detail) => {
    let crates = 0;
    await thrice(() =>
      run("cargo", ["install", "--locked", "--root", cargoFolder, ...missing.map(crateSpec)], {
        cwd: inCache(), // away from the checkout, whose cargo configuration is for wasm
        env: { CARGO_NET_RETRY: "3", CARGO_TARGET_DIR: targetFolder },
        log: "peers-cargo",
        timeoutMs: 30 * 60_000,
        onLine: (line) => {
          if (/^\s*Compiling /.test(line)) detail(`crate ${++crates}`);
        },
      }),
    );
    const still = missing.filter((peer) => !present(peer));
    if (still.length > 0) throw new Failure(`cargo installed no ${still.join(", no ")}; see its log in the cache.`);
  });
  rmSync(targetFolder, { recursive: true, force: true });
}

/** By cargo's own list of what it installed. */
function present(peer: CargoPeer): boolean {
  const record = join(cargoFolder, ".crates.toml");
  return (
    which(peer, join(cargoFolder, "bin")) !== undefined &&
    existsSync(record) &&
    readFileSync(record, "utf8").includes(`"${peer} ${cratePins[peer]} `)
  );
}

const crateSpec = (peer: CargoPeer): string => `${peer}@${cratePins[peer]}`;
