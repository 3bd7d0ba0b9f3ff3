/** Makes every peer available, or says in one sentence which is not: a missing peer is a failure, never a skip. */

import { existsSync } from "node:fs";
import { canInstall, Failure, installPackages, needApt } from "@moqingbird/toolchain";
import { cargoProgram, installCargoPeers } from "./cargo.ts";
import { buildFuzzTargets, type FuzzTarget, fuzzTargetProgram } from "./fuzz.ts";
import { buildGoPeers, type GoPeer, goProgram } from "./go.ts";
import { installNpmPeers, type NpmPeer, npmFolder, npmPresent } from "./npm.ts";
import { type CargoPeer, cratePins, npmPins, type PythonPeer } from "./pins.ts";
import { installPythonPeers, pythonOf } from "./python.ts";
import { buildRogue } from "./rogue.ts";

/** Builds or fetches what is missing. Warm it costs a few file reads. */
export async function provision(): Promise<void> {
  await needApt("ffmpeg");
  await needApt("chromium");
  await needApt("firefox-esr");
  await needWebKit();
  await needApt("gtlsclient", "ngtcp2-client");
  await needApt("gtlsserver", "ngtcp2-server");
  await needApt("tshark");
  await needApt("openssl");
  await buildGoPeers();
  await installNpmPeers();
  await installPythonPeers();
  await installCargoPeers();
  await buildFuzzTargets();
  await buildRogue();
}

/** WebKitGTK's driver, which brings its MiniBrowser, a display for it, and what decodes H.264 in it. */
export async function needWebKit(): Promise<void> {
  await needApt("WebKitWebDriver", "webkit2gtk-driver");
  await needApt("Xvfb", "xvfb");
  const decoders = ["gstreamer1.0-libav", "gstreamer1.0-plugins-good", "gstreamer1.0-plugins-bad"];
  if (canInstall()) await installPackages(decoders); // libraries: elsewhere the test says what is missing
}

/** The path of a peer's program. Throws when it is not installed: tests never install. */
export function peerProgram(peer: CargoPeer): string {
  const program = cargoProgram(peer);
  if (!existsSync(program)) throw missing(`${peer} ${cratePins[peer]}`);
  return program;
}

/** The Python that has the package. Throws when it is not installed. */
export function peerPython(peer: PythonPeer): string {
  const python = pythonOf(peer);
  if (python === undefined) throw missing(peer);
  return python;
}

/** The path of a program of ours on a Go module. Throws when it is not built. */
export function peerGo(peer: GoPeer): string {
  const program = goProgram(peer);
  if (!existsSync(program)) throw missing(peer);
  return program;
}

/** The folder whose node_modules has an npm package. Throws when it is not installed. */
export function peerNpm(peer: NpmPeer): string {
  if (!npmPresent(peer)) throw missing(`${peer} ${npmPins[peer]}`);
  return npmFolder(peer);
}

/** The path of a fuzz target. Throws when it is not built. */
export function fuzzProgram(target: FuzzTarget): string {
  const program = fuzzTargetProgram(target);
  if (!existsSync(program)) throw missing(`fuzz target ${target}`);
  return program;
}

const missing = (name: string): Failure => new Failure(`The peer ${name} is not installed: ./run interop installs it.`);
