/** The program `rogue` of `wasm/crates/rogue`: a client that attacks. Ours, but compiled natively. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure, inCache, inRoot, run, rustEnvironment, step } from "@moqingbird/toolchain";

const folder = inCache("rogue");

/** Compiles what changed of it. */
export async function buildRogue(): Promise<void> {
  const environment = await rustEnvironment();
  await step("rogue", () =>
    run("cargo", ["build", "--locked", "--release", "--package=moqingbird-rogue", "--bin=rogue"], {
      cwd: inRoot("wasm"),
      // Compiled in a second instead of a minute; what it does is limited by time, not by speed.
      env: { ...environment, CARGO_TARGET_DIR: folder, CARGO_PROFILE_RELEASE_LTO: "off" },
      log: "rogue",
      timeoutMs: 10 * 60_000,
    }),
  );
}

/** Its path. Throws when it is not built. */
export function rogueProgram(): string {
  const program = join(folder, "release", "rogue");
  if (!existsSync(program)) throw new Failure("The program rogue is not built: ./run interop builds it.");
  return program;
}
