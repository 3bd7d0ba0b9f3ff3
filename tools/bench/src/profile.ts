/**
 * CPU profiles: recorded in the process that is measured, over the measured time only, and told by function. The engine's
 * functions have names although the wasm that ships has none: the build keeps them aside (tools/wasm).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { basename, dirname } from "node:path";
import { engineFunctionNames } from "@moqingbird/wasm-build";

const sampleMicros = 200;

interface CallFrame {
  functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** What of V8's profile format is read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples?: readonly number[] | undefined;
  readonly timeDeltas?: readonly number[] | undefined;
}

/** A function's own time. */
export interface Share {
  readonly name: string;
  /** Of the time in which the process computed, 0 to 1. */
  readonly share: number;
}

/** Starts profiling this process; the returned function stops and writes `file` (for DevTools) and a summary beside it. */
export async function startProfile(file: string): Promise<() => Promise<void>> {
  const stop = await record();
  return async () => writeProfile(file, await stop());
}

/** Writes a profile for DevTools, and a summary beside it. */
export function writeProfile(file: string, profile: CpuProfile): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(profile));
  writeFileSync(file.replace(/\.cpuprofile$/, ".txt"), summary(profile));
}

/** Profiles what `work` does into `file`. */
export async function profileRun(file: string, work: () => void): Promise<void> {
  const stop = await startProfile(file);
  work();
  await stop();
}

/** Starts profiling this process; the returned function stops and gives the profile, with the engine's functions named. */
export async function record(): Promise<() => Promise<CpuProfile>> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: sampleMicros });
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    nameEngineFunctions(profile);
    return profile;
  };
}

/** Functions by their own time, the most expensive first. Idle time is nobody's. */
export function shares({ nodes, samples = [], timeDeltas = [] }: CpuProfile): Share[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, title(callFrame)]));
  const own = new Map<string, number>();
  let all = 0;
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? "?";
    const micros = timeDeltas[index + 1] ?? 0;
    if (name === "(idle)" || micros < 0) continue;
    own.set(name, (own.get(name) ?? 0) + micros);
    all += micros;
  }
  return Array.from(own, ([name, micros]) => ({ name, share: micros / all })).sort((a, b) => b.share - a.share);
}

/** The functions that matter, a line each. */
export function summary(profile: CpuProfile, count = 40): string {
  const lines = shares(profile)
    .slice(0, count)
    .map(({ name, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  return `${lines.join("\n")}\n`;
}

function nameEngineFunctions({ nodes }: CpuProfile): void {
  const names = engineFunctionNames();
  for (const { callFrame } of nodes) {
    if (!callFrame.url.startsWith("wasm:")) continue;
    const index = /^wasm-function\[(\d+)\]$/.exec(callFrame.functionName)?.[1];
    if (index !== undefined) callFrame.functionName = names.get(Number(index)) ?? callFrame.functionName;
  }
}

function title({ functionName, url, lineNumber }: CallFrame): string {
  if (url === "") return functionName;
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url.startsWith("wasm:")) return `${name}  [wasm]`;
  return `${name}  [${url.startsWith("node:") ? url : basename(url)}:${lineNumber + 1}]`;
}
