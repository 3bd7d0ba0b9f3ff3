/** ngtcp2's client. */
import { expect } from "vitest";
import { differences, type Files, fetchedBy, intoFolder } from "../lab/file-set.ts";
import type { Lab } from "../lab/lab.ts";
import type { Program } from "../lab/program.ts";

/** Where it fetches from. */
export interface GtlsTarget {
  readonly port: number;
  /** Default "127.0.0.1". */
  readonly host?: string;
  readonly flags?: readonly string[];
  /** Default 30 s. */
  readonly timeoutMs?: number;
}

/** Fetches the files over one connection into a folder of the lab. Its exit code says nothing: bytes are compared. */
export async function gtlsClientFetches(lab: Lab, files: Files, target: GtlsTarget, folder = "into"): Promise<Program> {
  const { port, host = "127.0.0.1", flags = [], timeoutMs = 30_000 } = target;
  const authority = host.includes(":") ? `[${host}]` : host;
  const urls = [...files.keys()].map((name) => `https://${authority}/${name}`);
  const into = `--download=${await intoFolder(lab, folder)}`;
  const args = [...flags, "--exit-on-all-streams-close", into, host, String(port), ...urls];
  const program = lab.start({ name: "gtlsclient", program: "gtlsclient", args });
  await program.exits(timeoutMs);
  expect(differences(files, await fetchedBy(lab, folder))).toEqual([]);
  return program;
}
