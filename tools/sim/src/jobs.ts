/** Many runs on all processors: child processes take jobs until none is left, and are replaced now and then. */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Scenario } from "./scenario.ts";

/** A heavy scenario runs with every so manieth seed. */
export const heavyEvery = 50;
/** Engines are freed by the garbage collector, memory and all: a fresh process now and then does it better. */
const jobsPerChild = 100;

/** A scenario's name and a seed. */
export interface Job {
  readonly scenario: string;
  readonly seed: number;
}

/** What a child answers. */
export interface Outcome extends Job {
  readonly figures?: Readonly<Record<string, number>>;
  /** Why it failed, repeat line included. */
  readonly failure?: string;
}

/** Every light scenario with every seed, every heavy one with each fiftieth, from 1 on. */
export function jobsOf(scenarios: readonly Scenario[], seeds: number): Job[] {
  const jobs: Job[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    for (const { name, weight } of scenarios) {
      if (weight === "light" || (seed - 1) % heavyEvery === 0) jobs.push({ scenario: name, seed });
    }
  }
  return jobs;
}

/** Runs all; prints each failure as it comes and a table of figures at the end. True when nothing failed. */
export async function runJobs(jobs: readonly Job[]): Promise<boolean> {
  const queue = [...jobs];
  const outcomes: Outcome[] = [];
  const started = performance.now();
  const told = setInterval(() => {
    process.stderr.write(`   ${outcomes.length} of ${jobs.length} runs\n`);
  }, 20_000);
  const lanes = Math.min(availableParallelism(), jobs.length);
  try {
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (queue.length > 0) await oneChild(queue, outcomes);
      }),
    );
  } finally {
    clearInterval(told);
  }
  print(outcomes);
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length;
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`sim: ${outcomes.length - failed} passed, ${failed} failed (${seconds} s)\n`);
  return failed === 0 && outcomes.length === jobs.length;
}

function oneChild(queue: Job[], outcomes: Outcome[]): Promise<void> {
  const child: ChildProcess = fork(fileURLToPath(new URL("job.ts", import.meta.url)));
  let current: Job | undefined;
  let taken = 0;
  const next = () => {
    current = taken++ < jobsPerChild ? queue.shift() : undefined;
    if (current === undefined) child.disconnect();
    else child.send(current);
  };
  const over = (outcome: Outcome) => {
    outcomes.push(outcome);
    if (outcome.failure !== undefined) process.stdout.write(`${outcome.failure}\n`);
  };
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", next);
    child.on("message", (message) => {
      over(message as Outcome);
      next();
    });
    child.once("exit", (code, signal) => {
      if (current !== undefined) {
        const { scenario, seed } = current;
        const failure = `${scenario} ended its process (${signal ?? code}).\nrepeat: ./run sim --seed ${seed} --only ${scenario}`;
        over({ scenario, seed, failure });
      }
      resolve();
    });
  });
}

/** Of each scenario's figures the least, the median and the most. */
function print(outcomes: readonly Outcome[]): void {
  for (const scenario of new Set(outcomes.map((outcome) => outcome.scenario))) {
    const good = outcomes.filter((outcome) => outcome.scenario === scenario && outcome.figures !== undefined);
    const names = Object.keys(good[0]?.figures ?? {});
    const ranges = names.map((name) => {
      const values = good.map(({ figures }) => figures?.[name] as number).sort((a, b) => a - b);
      const [least, middle, most] = [0, values.length >> 1, values.length - 1].map((at) => values[at]?.toPrecision(4));
      return `${name} ${least} / ${middle} / ${most}`;
    });
    process.stdout.write(`${scenario.padEnd(28)} ${String(good.length).padStart(5)} runs  ${ranges.join(", ")}\n`);
  }
}
