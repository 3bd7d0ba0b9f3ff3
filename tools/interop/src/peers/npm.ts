/** Peers that come as npm packages, kept out of the workspace: one of them alone has 120 MB. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inCache, npmInstall, step } from "@moqingbird/toolchain";
import { npmPins } from "./pins.ts";

/** The folder whose node_modules has `@currentspace/http3`, whether it is there or not. */
export function quicheFolder(): string {
  return inCache("peers", `currentspace-http3-${npmPins["@currentspace/http3"]}`);
}

export const quichePresent = (): boolean =>
  existsSync(join(quicheFolder(), "node_modules/@currentspace/http3/package.json"));

export async function installNpmPeers(): Promise<void> {
  if (quichePresent()) return;
  const name = `@currentspace/http3@${npmPins["@currentspace/http3"]}`;
  await step(`${name} (120 MB)`, () => npmInstall(quicheFolder(), name));
}
