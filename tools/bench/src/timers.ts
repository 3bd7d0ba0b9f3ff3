/** Arming and cancelling on the engine's wheel while so many timers wait, against Node's own; and whether their number matters. */
import { createEngine } from "@moqingbird/engine";
import { type Figure, less } from "./figure.ts";
import { profileRun } from "./profile.ts";
import type { Settings } from "./settings.ts";
import { type Contender, contender, repeat, takeTurns } from "./slices.ts";

const few = 1000;
const many = 100_000;
const sliceTimers = 1000;
const longestMs = 60_000;
/** Time per timer with few waiting against that with many: 1 is flat; caches miss, a list or a heap would fall far below. */
const growthBudget = 0.5;

export async function timers({ seconds, rounds, profile }: Settings): Promise<Figure[]> {
  const wheelFew = wheel(few);
  const wheelMany = wheel(many);
  const node = nodeTimers(many);
  takeTurns([wheelFew, wheelMany, node.contender], sliceTimers, seconds * rounds);
  node.cancelAll();
  if (profile !== undefined) {
    await profileRun(`${profile}/wheel.cpuprofile`, () => repeat(wheelMany, sliceTimers, seconds));
  }
  const unit = "us/timer";
  return [
    less("timers-arm-and-cancel-100k", unit, wheelMany.values, node.contender),
    less("timers-growth-1k-to-100k", unit, wheelMany.values, wheelFew, growthBudget),
  ];
}

/** Keeps `standing` timers on the wheel: each turn cancels the oldest and arms a new one. */
function wheel(standing: number): Contender {
  const engine = createEngine({ prepare: () => 0 });
  const start = performance.now() * 1000;
  const ring = Array.from({ length: standing }, (_, index) => engine.armTimer(start + delayMs(index) * 1000));
  let turn = 0;
  const run = (count: number): void => {
    for (let i = 0; i < count; i++, turn++) {
      const slot = turn % standing;
      if (!engine.cancelTimer(ring[slot]!)) throw new Error("a timer that waits cannot be cancelled");
      ring[slot] = engine.armTimer(start + delayMs(turn) * 1000);
    }
    engine.events(); // once a turn, as the packet loop does: cancelled handles may be used again
  };
  return contender(`the same with ${standing} waiting`, run, 5 * sliceTimers);
}

function nodeTimers(standing: number) {
  const nothing = (): void => {};
  const ring = Array.from({ length: standing }, (_, index) => setTimeout(nothing, delayMs(index)));
  let turn = 0;
  const run = (count: number): void => {
    for (let i = 0; i < count; i++, turn++) {
      const slot = turn % standing;
      clearTimeout(ring[slot]);
      ring[slot] = setTimeout(nothing, delayMs(turn));
    }
  };
  return {
    contender: contender("setTimeout and clearTimeout", run, 5 * sliceTimers),
    cancelAll: () => ring.forEach((timer) => void clearTimeout(timer)),
  };
}

/** Far enough ahead that none fires, and never the same twice in a row. */
const delayMs = (index: number): number => longestMs + ((index * 7919) % longestMs);
