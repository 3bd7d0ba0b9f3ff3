/** `./run sim`: every scenario with many seeds, or the one that failed with the seed it failed with. */
import { parseArgs } from "node:util";
import { heavyEvery, jobsOf, runJobs } from "./jobs.ts";
import { type Run, runScenario, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";

const usage = `./run sim [--seeds N] [--seed N] [--only NAME] [--list]

  --seeds N    seeds 1 to N (default 1000); heavy scenarios take every ${heavyEvery}th, from 1 on
  --seed N     this seed only
  --only NAME  this scenario only; with --seed its figures and the hash of its packets are printed
  --list       the scenarios, one line each

Whole systems in virtual time. A failure prints the line that repeats it.
`;

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 2 ** 31) return value;
  throw new Error(`--${name} is ${JSON.stringify(text)}; it must be a whole number from 1 to 2147483648.`);
}

function describe({ scenario, seed, figures, virtualMs, realMs }: Run): string {
  const numbers = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value * 100) / 100}`);
  return `${scenario.name} seed ${seed}: ${numbers.join(", ")} (${Math.round(virtualMs)} ms virtual, ${Math.round(realMs)} ms real)`;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      seed: { type: "string" },
      only: { type: "string" },
      list: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return true;
  }
  if (values.list) {
    for (const { name, summary, weight } of scenarios)
      process.stdout.write(`${name.padEnd(28)} ${weight}  ${summary}\n`);
    return true;
  }
  const chosen = scenarios.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) throw new Error(`There is no scenario "${values.only}"; ./run sim --list names them.`);
  if (values.seed !== undefined) return repeat(chosen, count("seed", values.seed));
  const jobs = jobsOf(chosen, count("seeds", values.seeds ?? "1000"));
  return runJobs(jobs);
}

/** One seed in this process, so that a debugger can be attached. */
async function repeat(chosen: readonly Scenario[], seed: number): Promise<boolean> {
  let good = true;
  for (const scenario of chosen) {
    try {
      const run = await runScenario(scenario, seed, { trace: true });
      process.stdout.write(`${describe(run)}\n  packets ${run.traceHash}\n`);
    } catch (error) {
      process.stdout.write(`${(error as Error).message}\n`);
      good = false;
    }
  }
  return good;
}

try {
  process.exit((await main()) ? 0 : 1);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${usage}`);
  process.exit(2);
}
