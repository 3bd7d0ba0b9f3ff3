/** The clock of the platform, and timers that let a process end. */
import { systemClock } from "../executor/clock.ts";
import type { CarrierTimers } from "./carrier.ts";

/** `performance.now()` and `setTimeout`: of Node and of browsers alike. */
export const systemCarrierTimers: CarrierTimers = {
  now: () => systemClock.micros() / 1000,
  schedule: (delayMs, task) => {
    const timer: unknown = setTimeout(task, delayMs);
    (timer as { unref?: () => void }).unref?.(); // browsers' timers are numbers
    return { cancel: () => clearTimeout(timer as NodeJS.Timeout) };
  },
};
