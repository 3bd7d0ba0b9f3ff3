/** All scenarios, in the order they run. */
import type { Scenario } from "../scenario.ts";
import { mediaShapes } from "./media.ts";
import { mesh } from "./mesh.ts";
import { relayFiles } from "./relay.ts";
import { yardsticks } from "./yardsticks.ts";

export const scenarios: readonly Scenario[] = [...yardsticks, ...mediaShapes, ...relayFiles, mesh];
