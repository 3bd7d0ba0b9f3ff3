/**
 * Contenders in one process take turns in slices short enough to fall between other processes' time slices, and the median
 * slice counts: what else the machine does then meets all of them alike.
 */
import { median, type Peer } from "./figure.ts";

/** Something that can be done so many times. */
export interface Contender extends Peer {
  /** Microseconds per unit, of each slice. */
  readonly values: number[];
  readonly run: (units: number) => void;
}

export function contender(name: string, run: (units: number) => void, warmUp: number): Contender {
  run(warmUp); // compiled before it is measured
  return { name, run, values: [] };
}

/** Lets all take turns, `units` each time. */
export function takeTurns(contenders: readonly Contender[], units: number, seconds: number): void {
  const end = performance.now() + seconds * 1000;
  do {
    for (const { run, values } of contenders) {
      const start = performance.now();
      run(units);
      values.push(((performance.now() - start) * 1000) / units);
    }
  } while (performance.now() < end);
}

/** Runs one for so long and keeps no figures: for profiles. */
export function repeat({ run }: Contender, units: number, seconds: number): void {
  const end = performance.now() + seconds * 1000;
  do run(units);
  while (performance.now() < end);
}

/** The same contender without its noise, for differences. */
export function minus(name: string, whole: Contender, part: Contender): Peer {
  const share = median(part.values);
  return { name, values: whole.values.map((value) => value - share) };
}
