/** Every light scenario with fifty seeds; `./run sim` takes a thousand. */
import { expect, test } from "vitest";
import { type Figures, runScenario, scenarios } from "../src/index.ts";

const seeds = 50;
const light = scenarios.filter(({ weight }) => weight === "light");

test.each(light.map((scenario) => [scenario.name, scenario.summary, scenario] as const))(
  `%s with ${seeds} seeds: %s`,
  { timeout: 120_000 },
  async (_name, _summary, scenario) => {
    const runs: Figures[] = [];
    for (let seed = 1; seed <= seeds; seed++) runs.push((await runScenario(scenario, seed)).figures);
    expect(runs).toHaveLength(seeds);
  },
);
