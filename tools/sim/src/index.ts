export { type Process, type ProcessSettings, serverPort } from "./process.ts";
export {
  atLeast,
  atMost,
  type Figures,
  happened,
  type Run,
  runScenario,
  type Scenario,
  ScenarioFailure,
} from "./scenario.ts";
export { scenarios } from "./scenarios/index.ts";
export { Simulation, type SimulationOptions } from "./simulation.ts";
export { type Transfer, type Transferred, transfer } from "./transfer.ts";
