/** Starts our own programs from source, the way a user runs them. */
import { inRoot } from "@moqingbird/toolchain";
import type { Lab } from "./lab.ts";
import type { Program, ProgramOptions } from "./program.ts";
import { RelayLog } from "./relay-log.ts";

/** Our relay, listening. */
export interface OurRelay {
  readonly program: Program;
  /** Raw QUIC. */
  readonly url: string;
  /** WebTransport. */
  readonly webUrl: string;
  readonly port: number;
  readonly log: RelayLog;
}

export interface MoqbOptions extends Pick<ProgramOptions, "env" | "stdin" | "stdout"> {
  /** How it is called in a report. Default: its first argument. */
  readonly name?: string;
}

/** Starts `moqb` with these arguments. */
export function startMoqb(lab: Lab, args: readonly string[], options: MoqbOptions = {}): Program {
  return lab.start({
    name: `moqb ${args[0]}`,
    program: process.execPath,
    args: ["--conditions=@moqingbird/source", inRoot("apps/cli/src/main.ts"), ...args],
    ...options,
  });
}

/** Starts `moqb relay` on a free port, with a certificate that `--tls-root` of the lab trusts. */
export async function startRelay(lab: Lab, flags: readonly string[] = []): Promise<OurRelay> {
  const { chain, key } = lab.certificate;
  const program = startMoqb(lab, [
    ...["relay", "--listen", "127.0.0.1:0", "--tls-cert", chain, "--tls-key", key, "--log-level", "debug"],
    ...flags,
  ]);
  const log = new RelayLog(program);
  const port = Number((await log.until({ event: "listening" })).port);
  return { program, url: `moqt://127.0.0.1:${port}`, webUrl: `https://127.0.0.1:${port}/`, port, log };
}

/** The ways to our relay: which of its URLs, by what its log calls them. */
export const ways = [
  { transport: "quic", url: "url" },
  { transport: "webtransport", url: "webUrl" },
] as const;

/** `--tls-root` of the lab: our programs verify the certificates they meet. */
export const trust = (lab: Lab): string[] => ["--tls-root", lab.certificate.root];
