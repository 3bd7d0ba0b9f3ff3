/** What the packages promise to run on: the newest of each line of Node that `engines` admits, Bun and Deno. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inCache, nodeOfVersion, npmInstall, step } from "@moqingbird/toolchain";

/** A program that runs JavaScript. */
export interface Runtime {
  readonly name: string;
  /** Runs the file that is added to it. */
  readonly command: readonly [program: string, ...args: string[]];
  /** What its `node:dgram` lacks, by the words that `programs/quic.ts` prints. */
  readonly gaps: Readonly<Record<string, string>>;
  /** Programs of docs/NODE.md that fail there, for a reason that is documented. */
  readonly failing: readonly string[];
}

const nodes = ["22.23.3", "24.21.0", "26.10.0"];
const bun = "1.4.5";
const deno = "2.9.6";

/** All of them, fetched by npm where they are not in the cache; the newest Node comes last. */
export async function runtimes(): Promise<Runtime[]> {
  return [
    {
      name: `Bun ${bun}`,
      command: [await program("bun", bun)],
      gaps: {},
      // Bun's TLS servers take no connection that another server accepted: no HTTPS beside HTTP on one port.
      failing: ["one-port.ts"],
    },
    {
      name: `Deno ${deno}`,
      command: [await program("deno", deno), "run", "--allow-all", "--quiet"],
      // A connected socket of Deno is not told that nobody listens at its peer's port.
      gaps: { "nothing there": "handshake-timeout" },
      failing: [],
    },
    ...(await Promise.all(
      nodes.map(async (version) => ({
        name: `Node ${version}`,
        command: [await nodeOfVersion(version)] as const,
        gaps: {},
        failing: [],
      })),
    )),
  ];
}

/** Fetched as users get them: these npm packages bring the binary. */
async function program(name: string, version: string): Promise<string> {
  const folder = inCache("peers", `${name}-${version}`);
  const wanted = `${name}@${version}`;
  if (!existsSync(join(folder, "node_modules", name, "package.json"))) {
    await step(wanted, () => npmInstall(folder, wanted));
  }
  return join(folder, "node_modules/.bin", name);
}
