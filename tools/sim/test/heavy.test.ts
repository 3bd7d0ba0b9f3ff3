/** Every heavy scenario with the first seed; `./run sim` takes more of them. */
import { expect, test } from "vitest";
import { runScenario, scenarios } from "../src/index.ts";

const heavy = scenarios.filter(({ weight }) => weight === "heavy");

test.each(heavy.map((scenario) => [scenario.name, scenario.summary, scenario] as const))(
  "%s: %s",
  { timeout: 60_000 },
  async (_name, _summary, scenario) => {
    const { figures } = await runScenario(scenario, 1);
    expect(Object.keys(figures)).not.toEqual([]);
  },
);
