/** `./run test`: stages one after the other, each counted, all run even when one fails, closed by one line of totals. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitCode, run } from "./command.ts";
import { inRoot } from "./paths.ts";
import { rustReady } from "./prepare.ts";
import { rustLintEnvironment } from "./rust.ts";
import { say, seconds } from "./steps.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

type Stage = () => Promise<Counts>;

const stages: Readonly<Record<string, Stage>> = {
  lint,
  types,
  rust: rustTests,
  units: vitest,
  pack: packedPackages,
};

export const stageNames = Object.keys(stages);

/** Runs the named stages, or all, in a checkout that is prepared; resolves to true when nothing failed. */
export async function runSuite(names: readonly string[]): Promise<boolean> {
  const rows: { name: string; counts: Counts; ms: number }[] = [];
  for (const name of names.length > 0 ? names : stageNames) {
    say(`\n== ${name}`);
    const started = performance.now();
    const counts = await attempt(stages[name] as Stage);
    rows.push({ name, counts, ms: performance.now() - started });
  }
  say("");
  for (const { name, counts, ms } of rows) say(`${name.padEnd(8)} ${describe(counts)} (${seconds(ms)})`);
  const total = rows.reduce((sum, row) => add(sum, row.counts), none());
  process.stdout.write(`test: ${describe(total)}\n`);
  return total.failed === 0 && total.passed > 0;
}

/** "12 passed, 0 failed", with the skipped ones only where there are any. */
export function describe({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** The counts cargo prints, one line per test program: "test result: ok. 12 passed; 0 failed; 1 ignored; ...". */
export function cargoCounts(output: Iterable<string>): Counts {
  const counts = none();
  for (const line of output) {
    const match = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/.exec(line);
    if (match !== null) {
      Object.assign(
        counts,
        add(counts, { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3]) }),
      );
    }
  }
  return counts;
}

/** A stage that breaks before it counts anything is one failure, told and survived. */
async function attempt(stage: Stage): Promise<Counts> {
  try {
    return await stage();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Node's programs, and the page, which knows a browser instead. */
async function types(): Promise<Counts> {
  const node = await check("tsc", ["--noEmit", "-p", "tsconfig.json"]);
  return add(node, await check("tsc", ["--noEmit", "-p", "apps/web/tsconfig.json"]));
}

/** A checker of the whole workspace counts as one test. */
async function check(program: string, args: readonly string[]): Promise<Counts> {
  await run(inRoot("node_modules/.bin", program), args);
  return { passed: 1, failed: 0, skipped: 0 };
}

/** Every linter has its say, whatever the others found. */
async function lint(): Promise<Counts> {
  const cargo = async (...args: string[]): Promise<Counts> => {
    await run("cargo", args, { cwd: inRoot("wasm"), env: await rustLintEnvironment() });
    return { passed: 1, failed: 0, skipped: 0 };
  };
  return [
    await attempt(() => check("biome", ["check", "."])),
    await attempt(() => cargo("fmt", "--all", "--check")),
    await attempt(() => cargo("clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings")),
  ].reduce(add);
}

/** The crates whose tests run in WebAssembly too; the others are its face, probes and test support. */
const wasmTested = ["moqingbird-aead", "moqingbird-heap", "moqingbird-quic", "moqingbird-sim"];

/** The same tests natively and in WebAssembly on Node. */
async function rustTests(): Promise<Counts> {
  const environment = await rustReady();
  const native = await cargoTest(environment, "cargo-test", ["--workspace"]);
  // Debug information is nine tenths of a module, and the runner reads all of it.
  const wasm = await cargoTest({ ...environment, CARGO_PROFILE_DEV_DEBUG: "0" }, "cargo-test-wasm", [
    "--target=wasm32-unknown-unknown",
    "--lib",
    "--tests",
    ...wasmTested.map((crate) => `--package=${crate}`),
  ]);
  return add(native, wasm);
}

async function cargoTest(env: NodeJS.ProcessEnv, log: string, which: readonly string[]): Promise<Counts> {
  const lines: string[] = [];
  const code = await exitCode("cargo", ["test", "--locked", ...which], {
    cwd: inRoot("wasm"),
    env,
    log,
    onLine: (line) => {
      lines.push(line);
      process.stderr.write(`${line}\n`);
    },
  });
  const warned = lines.find((line) => /^warning: .* generated \d+ warning/.test(line));
  if (warned === undefined) return atLeastOneFailed(cargoCounts(lines), code);
  say(`A warning of the compiler fails the stage: ${warned.slice("warning: ".length)}`);
  return add(cargoCounts(lines), { passed: 0, failed: 1, skipped: 0 });
}

async function vitest(): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "moqingbird-"));
  const report = join(folder, "vitest.json");
  try {
    const code = await exitCode(inRoot("node_modules/.bin/vitest"), [
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ]);
    const json = JSON.parse(readFileSync(report, "utf8")) as Record<string, number>;
    const counts = {
      passed: json.numPassedTests ?? 0,
      failed: json.numFailedTests ?? 0,
      skipped: (json.numPendingTests ?? 0) + (json.numTodoTests ?? 0),
    };
    return atLeastOneFailed(counts, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** tools/pack closes with the same line as this suite does. */
async function packedPackages(): Promise<Counts> {
  let counts = none();
  const code = await exitCode(process.execPath, [inRoot("tools/pack/src/main.ts")], {
    log: "pack",
    onLine: (line) => {
      process.stderr.write(`${line}\n`);
      const match = /^pack: (\d+) passed, (\d+) failed/.exec(line);
      if (match !== null) counts = { passed: Number(match[1]), failed: Number(match[2]), skipped: 0 };
    },
  });
  return atLeastOneFailed(counts, code);
}

/** A program that fails without naming a failed test still failed. */
function atLeastOneFailed(counts: Counts, code: number): Counts {
  return code === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

const none = (): Counts => ({ passed: 0, failed: 0, skipped: 0 });

const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});
