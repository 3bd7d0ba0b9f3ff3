/** One preparation at a time per checkout and per cache: a second `./run` waits for the first instead of tangling with it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { say } from "./steps.ts";

const pollMs = 250;

/** Holds the lock at this path while the work runs. A lock whose process is gone is taken over. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  for (let told = false; !take(path); told = true) {
    if (!told) say(`   waiting for another ./run (process ${holder(path)}) to finish preparing`);
    await delay(pollMs);
  }
  const release = () => rmSync(path, { recursive: true, force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

/** Making a folder is atomic on every file system; the process id inside tells whether its owner still lives. */
function take(path: string): boolean {
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const owner = holder(path);
    if (owner !== undefined && !alive(owner)) rmSync(path, { recursive: true, force: true });
    return false;
  }
  writeFileSync(join(path, "pid"), String(process.pid));
  return true;
}

function holder(path: string): number | undefined {
  try {
    return Number(readFileSync(join(path, "pid"), "utf8"));
  } catch {
    return undefined; // just taken, its process id not written yet, or just released
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
