/** A child of `./run sim`: runs the jobs it is sent, one after the other, until its parent lets go. */
import type { Job, Outcome } from "./jobs.ts";
import { runScenario, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";

process.on("message", async (job: Job) => {
  const scenario = scenarios.find(({ name }) => name === job.scenario) as Scenario;
  let outcome: Outcome;
  try {
    const { figures } = await runScenario(scenario, job.seed);
    outcome = { ...job, figures };
  } catch (error) {
    outcome = { ...job, failure: (error as Error).message };
  }
  process.send?.(outcome);
});
process.once("disconnect", () => process.exit(0));
