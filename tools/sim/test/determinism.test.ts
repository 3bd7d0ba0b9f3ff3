/** One seed is one course of events, to the bit and the microsecond. */
import { expect, test } from "vitest";
import { runScenario, type Scenario, scenarios } from "../src/index.ts";

const lossy = scenarios.find(({ name }) => name === "link-loss") as Scenario;
const hash = async (seed: number) => (await runScenario(lossy, seed, { trace: true })).traceHash;

test("the same seed twice sends the same packets at the same moments; another seed does not", {
  timeout: 60_000,
}, async () => {
  const first = await hash(7);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await hash(7)).toBe(first);
  expect(await hash(8)).not.toBe(first);
});

test("a run that is traced measures the same as one that is not", { timeout: 60_000 }, async () => {
  const [traced, plain] = [await runScenario(lossy, 7, { trace: true }), await runScenario(lossy, 7)];
  expect(traced.figures).toEqual(plain.figures);
});

test("a failure tells the line that repeats it", async () => {
  const failing: Scenario = {
    name: "link-loss",
    summary: "",
    weight: "light",
    run: (simulation) => simulation.until(new Promise<never>(() => {}), 10, "the impossible"),
  };
  await expect(runScenario(failing, 41)).rejects.toThrow(
    /the impossible was not reached(.|\n)*repeat: \.\/run sim --seed 41 --only link-loss$/,
  );
});
