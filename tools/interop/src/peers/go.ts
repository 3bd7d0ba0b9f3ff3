/** Our Go program on the quic-go module: built from `go/quicpeer` into the cache, anew when its sources change. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure, inCache, inRoot, run, step, thrice, which } from "@moqingbird/toolchain";

const sources = inRoot("tools/interop/go/quicpeer");
const folder = inCache("peers", "go");
/** Where Go's own archives and installers put it. */
const usualPlace = "/usr/local/go/bin";

/** The program of the sources as they are now, whether it is there or not. */
export function goProgram(): string {
  const hash = createHash("sha256");
  for (const name of ["go.mod", "go.sum", "main.go"]) hash.update(readFileSync(join(sources, name)));
  return join(folder, `quicpeer-${hash.digest("hex").slice(0, 16)}`);
}

/** Builds it unless it is there. Modules come from wherever the machine's Go gets its modules. */
export async function buildGoPeers(): Promise<void> {
  const program = goProgram();
  if (existsSync(program)) return;
  const go = which("go") ?? which("go", usualPlace);
  if (go === undefined) {
    throw new Failure(
      `The QUIC peer needs Go 1.25 or newer, and there is no go on PATH or in ${usualPlace}: install it from https://go.dev/dl (Debian's golang may be too old).`,
    );
  }
  await step("quicpeer on quic-go", () =>
    thrice(() => run(go, ["build", "-o", program, "."], { cwd: sources, log: "peers-go", timeoutMs: 10 * 60_000 })),
  );
  for (const name of readdirSync(folder)) if (join(folder, name) !== program) rmSync(join(folder, name));
}
