/**
 * `./run interop [FILTER]... [--peers-only]`: installs the peers, runs the tests whose file name contains a FILTER (all
 * without one), and closes with one line of totals.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChildrenOnSignal, exitCode, Failure, inRoot, say } from "@moqingbird/toolchain";
import { provision } from "./peers/provision.ts";

interface Totals {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
}

endChildrenOnSignal();
const args = process.argv.slice(2);
try {
  await provision();
  process.exitCode = args.includes("--peers-only") ? 0 : await runTests(args);
} catch (error) {
  say(error instanceof Failure ? error.message : String(error instanceof Error ? error.stack : error));
  process.stdout.write("interop: 0 passed, 1 failed\n");
  process.exitCode = 1;
}

async function runTests(filters: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "moqingbird-interop-"));
  const report = join(folder, "vitest.json");
  try {
    const code = await exitCode(inRoot("node_modules/.bin/vitest"), [
      "run",
      "--config=tools/interop/vitest.config.ts",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...filters,
    ]);
    const { numPassedTests: passed = 0, numFailedTests = 0 } = JSON.parse(readFileSync(report, "utf8")) as Totals;
    const failed = code !== 0 && numFailedTests === 0 ? 1 : numFailedTests; // a file that does not load has no failed test
    process.stdout.write(`interop: ${passed} passed, ${failed} failed\n`);
    return code === 0 && passed > 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
