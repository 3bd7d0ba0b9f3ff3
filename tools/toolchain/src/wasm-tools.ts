/** wasm-bindgen and wasm-pack, compiled by cargo from the registry into the cache. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { run, thrice } from "./command.ts";
import { inCache } from "./paths.ts";
import { pins } from "./pins.ts";
import { step } from "./steps.ts";

const folder = inCache("tools");

/** What cargo installs, and the programs each brings. wasm-bindgen comes without TLS, which its test runner needs for remote browsers. */
const tools = [
  {
    crate: "wasm-bindgen-cli",
    version: pins.wasmBindgen,
    programs: ["wasm-bindgen", "wasm-bindgen-test-runner"],
    flags: ["--no-default-features", "--bin", "wasm-bindgen", "--bin", "wasm-bindgen-test-runner"],
  },
  { crate: "wasm-pack", version: pins.wasmPack, programs: ["wasm-pack"], flags: [] },
] as const;

/** True when the cache holds both tools at their pinned versions. */
export function wasmToolsPresent(): boolean {
  return tools.every(present);
}

/** Installs the missing ones, at the same time: each has stretches that keep only one core busy. */
export async function installWasmTools(environment: NodeJS.ProcessEnv): Promise<void> {
  const missing = tools.filter((tool) => !present(tool));
  const results = await Promise.allSettled(missing.map((tool) => install(tool, environment)));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function present(tool: (typeof tools)[number]): boolean {
  const record = inCache("tools", ".crates.toml"); // cargo's own list of what it installed
  return (
    tool.programs.every((program) => existsSync(inCache("tools", "bin", program))) &&
    existsSync(record) &&
    readFileSync(record, "utf8").includes(`"${tool.crate} ${tool.version} `)
  );
}

function install(tool: (typeof tools)[number], environment: NodeJS.ProcessEnv): Promise<void> {
  // A target folder per tool: both compile at once, and a second try goes on where the first stopped.
  const targetFolder = inCache("tools", `target-${tool.crate}`);
  return step(`${tool.crate} ${tool.version} (compiled once)`, async (detail) => {
    let crates = 0;
    await thrice(() =>
      // --force: what was installed with fewer programs is there already, for cargo.
      run(
        "cargo",
        ["install", "--locked", "--force", "--root", folder, ...tool.flags, `${tool.crate}@${tool.version}`],
        {
          cwd: inCache(), // the checkout's own cargo configuration is for wasm
          env: {
            ...environment,
            CARGO_NET_RETRY: "3",
            CARGO_TARGET_DIR: targetFolder,
            // They run for a second; optimising them would take minutes.
            CARGO_PROFILE_RELEASE_OPT_LEVEL: "0",
            CARGO_PROFILE_RELEASE_LTO: "off",
            CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
            CARGO_PROFILE_RELEASE_PANIC: "abort",
          },
          log: tool.crate,
          niceness: 10, // std, then the engine, then its link on one core are the longer way: they go first
          onLine: (line) => {
            if (/^\s*Compiling /.test(line)) detail(`crate ${++crates}`);
          },
        },
      ),
    );
    rmSync(targetFolder, { recursive: true, force: true });
  });
}
