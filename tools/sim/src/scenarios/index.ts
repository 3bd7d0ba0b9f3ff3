/** All scenarios, in the order they run. */
import type { Scenario } from "../scenario.ts";
import { yardsticks } from "./yardsticks.ts";

export const scenarios: readonly Scenario[] = [...yardsticks];
