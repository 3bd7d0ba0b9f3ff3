/** A minute of libFuzzer for each target of wasm/fuzz: no panic, no hang, no memory that grows. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fuzzTargets } from "../../src/peers/fuzz.ts";
import { fuzzProgram } from "../../src/peers/provision.ts";

const seconds = 60;
const memoryMegabytes = 1024;

// Side by side: each waits for nothing but its own processor time.
test.concurrent.for(fuzzTargets)("%s takes any input", { timeout: (seconds + 60) * 1000 }, async (target) => {
  const folder = mkdtempSync(join(tmpdir(), `moqingbird-fuzz-${target}-`));
  try {
    const { code, output } = await fuzz(fuzzProgram(target), folder);
    const found = readdirSync(folder).filter((name) => /^(crash|oom|timeout|leak|slow-unit)-/.test(name));
    const replay = found.map((name) => {
      const hex = readFileSync(join(folder, name)).toString("hex");
      return `${name}: printf ${hex} | xxd -r -p > ${name} && ${fuzzProgram(target)} ${name}`;
    });
    expect(replay.join("\n"), output.slice(-4000)).toBe("");
    expect(code, output.slice(-4000)).toBe(0);
    const runs = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1]);
    expect(runs).toBeGreaterThan(100);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function fuzz(program: string, folder: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(program, [
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${folder}/`,
    "-len_control=0", // most of a run is its handshakes: long inputs from the start
    "-max_len=4096",
    "-timeout=20",
    `-rss_limit_mb=${memoryMegabytes}`,
    "-print_final_stats=1",
  ]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
