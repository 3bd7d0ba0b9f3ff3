/** Peers that come as npm packages, kept out of the workspace: one of them alone has 120 MB. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inCache, npmInstall, step } from "@moqingbird/toolchain";
import { npmPins } from "./pins.ts";

/** One of the packages. */
export type NpmPeer = keyof typeof npmPins;

/** What is worth saying about fetching them. */
const sizes: Readonly<Partial<Record<NpmPeer, string>>> = { "@currentspace/http3": " (120 MB)", deno: " (40 MB)" };

/** The folder whose node_modules has the package, whether it is there or not. */
export function npmFolder(peer: NpmPeer): string {
  return inCache("peers", `${peer.replace("@", "").replace("/", "-")}-${npmPins[peer]}`);
}

export const npmPresent = (peer: NpmPeer): boolean =>
  existsSync(join(npmFolder(peer), "node_modules", peer, "package.json"));

export async function installNpmPeers(): Promise<void> {
  for (const peer of Object.keys(npmPins) as NpmPeer[]) {
    if (npmPresent(peer)) continue;
    const name = `${peer}@${npmPins[peer]}`;
    await step(`${name}${sizes[peer] ?? ""}`, () => npmInstall(npmFolder(peer), name));
  }
}
