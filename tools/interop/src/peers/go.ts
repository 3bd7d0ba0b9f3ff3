/** Our Go programs on other people's modules: built from `go/` into the cache, anew when their sources change. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure, inCache, inRoot, run, step, thrice, which } from "@moqingbird/toolchain";

interface GoProgram {
  /** Its folder below `go/`. */
  readonly sources: string;
  readonly on: string;
  /** Where one folder makes several programs, of which each has its own versions of modules. */
  readonly flags?: readonly string[];
}

const programs = {
  quicpeer: { sources: "quicpeer", on: "quic-go" },
  "wtpeer-server": { sources: "wtpeer", on: "webtransport-go" },
  "wtpeer-client": {
    sources: "wtpeer",
    on: "webtransport-go",
    flags: ["-tags=client", "-modfile=client.mod"],
  },
} as const satisfies Record<string, GoProgram>;

/** One of the programs. */
export type GoPeer = keyof typeof programs;

const folder = inCache("peers", "go");
/** Where Go's own archives and installers put it. */
const usualPlace = "/usr/local/go/bin";

/** The program of the sources as they are now, whether it is there or not. */
export function goProgram(peer: GoPeer): string {
  const hash = createHash("sha256");
  const sources = sourcesOf(peer);
  for (const name of readdirSync(sources).sort()) hash.update(readFileSync(join(sources, name)));
  return join(folder, `${peer}-${hash.digest("hex").slice(0, 16)}`);
}

/** Builds those that are not there. Modules come from wherever the machine's Go gets its modules. */
export async function buildGoPeers(): Promise<void> {
  for (const peer of Object.keys(programs) as GoPeer[]) if (!existsSync(goProgram(peer))) await build(peer);
}

async function build(peer: GoPeer): Promise<void> {
  const { on, flags = [] }: GoProgram = programs[peer];
  const program = goProgram(peer);
  const go = which("go") ?? which("go", usualPlace);
  if (go === undefined) {
    throw new Failure(
      `The peer ${peer} needs Go 1.25 or newer, and there is no go on PATH or in ${usualPlace}: install it from https://go.dev/dl (Debian's golang may be too old).`,
    );
  }
  await step(`${peer} on ${on}`, () =>
    thrice(() =>
      run(go, ["build", ...flags, "-o", program, "."], {
        cwd: sourcesOf(peer),
        log: "peers-go",
        timeoutMs: 10 * 60_000,
      }),
    ),
  );
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`${peer}-`) && join(folder, name) !== program) rmSync(join(folder, name));
  }
}

const sourcesOf = (peer: GoPeer): string => inRoot("tools/interop/go", programs[peer].sources);
