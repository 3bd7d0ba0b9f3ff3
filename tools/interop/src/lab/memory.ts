/** What a process used at most, from Linux's own count. */
import { readFile } from "node:fs/promises";
import type { Program } from "./program.ts";

/** Peak resident memory so far, in bytes (VmHWM). The program must still run. */
export async function peakMemoryBytes(program: Program): Promise<number> {
  const status = await readFile(`/proc/${program.pid}/status`, "utf8");
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${program.pid}/status has no VmHWM.`);
  return Number(kilobytes) * 1024;
}
