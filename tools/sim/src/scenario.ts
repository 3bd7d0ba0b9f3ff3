/** What a scenario is, and how one is run so that a failure tells how to see it again. */
import { Simulation } from "./simulation.ts";

/** What a run measured, by name, each with its unit in the name. */
export type Figures = Readonly<Record<string, number>>;

/** A course of events with bars: it throws when one is missed. */
export interface Scenario {
  /** Kebab-case; what `--only` takes. */
  readonly name: string;
  /** One line: the parts of the network, and what must hold. */
  readonly summary: string;
  /** "light" ones run with every seed, "heavy" ones with every fiftieth. */
  readonly weight: "light" | "heavy";
  run(simulation: Simulation): Promise<Figures>;
}

/** The outcome of one run. */
export interface Run {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly figures: Figures;
  /** Virtual time it took, in ms. */
  readonly virtualMs: number;
  /** Real time it took, in ms. */
  readonly realMs: number;
  /** Of every packet's bytes and moment, where a trace was asked for. */
  readonly traceHash: string | undefined;
}

/** A bar was missed, or the course of events broke off. The message ends in the line that repeats it. */
export class ScenarioFailure extends Error {
  constructor(scenario: Scenario, seed: number, cause: unknown) {
    const what = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(
      `${scenario.name} failed with seed ${seed}: ${what}\nrepeat: ./run sim --seed ${seed} --only ${scenario.name}`,
      {
        cause,
      },
    );
    this.name = "ScenarioFailure";
  }
}

/** Runs a scenario with a seed. Throws {@link ScenarioFailure}. */
export async function runScenario(scenario: Scenario, seed: number, { trace = false } = {}): Promise<Run> {
  const simulation = new Simulation(seed, { trace });
  const started = performance.now();
  try {
    const figures = await scenario.run(simulation);
    return {
      scenario,
      seed,
      figures,
      virtualMs: simulation.elapsedMs,
      realMs: performance.now() - started,
      traceHash: trace ? simulation.network.traceHash : undefined,
    };
  } catch (error) {
    throw new ScenarioFailure(scenario, seed, error);
  }
}

/** Throws unless `value` is within the bar. */
export function atMost(what: string, value: number, bar: number): void {
  if (!(value <= bar)) throw new Error(`${what} is ${round(value)}; the bar is at most ${bar}.`);
}

/** Throws unless `value` reaches the bar. */
export function atLeast(what: string, value: number, bar: number): void {
  if (!(value >= bar)) throw new Error(`${what} is ${round(value)}; the bar is at least ${bar}.`);
}

/** Throws unless the fault happened: one that never fired proves nothing. */
export function happened(what: string, count: number): void {
  if (count === 0) throw new Error(`The fault "${what}" never happened.`);
}

const round = (value: number): number => Math.round(value * 10) / 10;
