/** Other people's QUIC for JavaScript, fetched by npm into the cache when a benchmark wants them: native code, never ours. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inCache, npmInstall, say, step } from "@moqingbird/toolchain";
import type { Launch } from "./side.ts";
import type { Load } from "./sides/load.ts";

/** Versions that the sides were written for. */
const pins = {
  "@currentspace/http3": "0.9.0",
  "@chainsafe/libp2p-quic": "2.1.1",
  deno: "2.9.6",
} as const;

/** A QUIC other than ours, as both sides of a transfer. */
export interface PeerTransport {
  readonly name: string;
  /** A native addon for Node: what the budget for objects is measured against. */
  readonly addon: boolean;
  readonly loads: readonly Load[];
  /** Fetches it if it is missing, and tells how a side is started. */
  prepare(): Promise<(parameters: object) => Launch>;
}

export const peerTransports: readonly PeerTransport[] = [
  {
    name: "@currentspace/http3",
    addon: true,
    loads: ["bulk", "objects", "datagrams"],
    async prepare() {
      const folder = await npmFolder("@currentspace/http3");
      return (parameters) => ({ file: "sides/quiche.ts", parameters: { ...parameters, folder } });
    },
  },
  {
    name: "@chainsafe/libp2p-quic",
    addon: true,
    loads: ["bulk", "objects"],
    async prepare() {
      const folder = await npmFolder("@chainsafe/libp2p-quic");
      return (parameters) => ({ file: "sides/libp2p.ts", parameters: { ...parameters, folder } });
    },
  },
  {
    name: "Deno",
    addon: false,
    loads: ["bulk", "objects", "datagrams"],
    prepare: () => onDeno("sides/deno.ts"),
  },
];

/**
 * Other people's WebTransport. Of objects Deno 2.9.6 delivers none by its W3C interface. `@moq/web-transport` is missing: its addon wants
 * glibc 2.38, newer than Debian 12 has.
 */
export const peerWebTransports: readonly PeerTransport[] = [
  {
    name: "Deno",
    addon: false,
    loads: ["bulk", "datagrams"],
    prepare: () => onDeno("sides/web-transport-deno.ts"),
  },
];

async function onDeno(file: string): Promise<(parameters: object) => Launch> {
  const program = join(await npmFolder("deno"), "node_modules/.bin/deno");
  const flags = ["run", "--no-config", "--no-lock", "--no-check", "--quiet", "-A", "--unstable-net"];
  return (parameters) => ({ file, parameters, runner: [program, ...flags] });
}

/** The folder whose node_modules has the package. */
async function npmFolder(name: keyof typeof pins): Promise<string> {
  const folder = inCache("peers", `${name.replace("@", "").replace("/", "-")}-${pins[name]}`);
  const wanted = `${name}@${pins[name]}`;
  if (!existsSync(join(folder, "node_modules", name, "package.json"))) {
    await step(wanted, () => npmInstall(folder, wanted));
  }
  return folder;
}

/** The folder that has quiche's Node package, fetched if it is missing. */
export const quicheFolder = (): Promise<string> => npmFolder("@currentspace/http3");

/** Tells that a peer is left out: the run goes on with the others. */
export function leftOut(name: string, error: unknown): void {
  say(`bench: ${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
}
