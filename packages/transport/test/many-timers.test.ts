/** A hundred thousand timers on the engine's wheel, in virtual time. */
import { expect, test } from "vitest";
import type { LoopTimers } from "../src/executor/clock.ts";
import { Runtime } from "../src/quic/runtime.ts";

const count = 100_000;
const spanMs = 10_000;
/** Where a timer is due: all over the span, and never the same twice in a row. */
const delayMs = (index: number): number => 1 + ((index * 7919) % spanMs);

/** An event loop with one clock, which jumps to the next thing to do. */
class VirtualLoop implements LoopTimers {
  micros = 1_000_000;
  /** How often a timer was set, and how many there were at once. */
  set = 0;
  most = 0;
  readonly #soon: { dueMicros: number; task: () => void }[] = [];
  readonly #waiting = new Map<object, { at: number; task: () => void }>();

  setImmediate(task: () => void, dueMicros: number): object {
    this.#soon.push({ dueMicros, task });
    return task;
  }
  setTimeout(task: () => void, milliseconds: number) {
    const timeout = { ref: () => timeout, unref: () => timeout };
    this.#waiting.set(timeout, { at: this.micros + milliseconds * 1000, task });
    this.set++;
    this.most = Math.max(this.most, this.#waiting.size);
    return timeout;
  }
  clearTimeout(timeout: object): void {
    this.#waiting.delete(timeout);
  }

  /** Until `done`. */
  run(done: () => boolean): void {
    while (!done()) {
      const soon = this.#soon.shift();
      if (soon === undefined) this.#expire();
      else {
        this.micros = Math.max(this.micros, soon.dueMicros);
        soon.task();
      }
    }
  }

  #expire(): void {
    const [first] = [...this.#waiting].sort(([, a], [, b]) => a.at - b.at);
    if (first === undefined) throw new Error("nothing is left to wait for");
    const [timeout, { at, task }] = first;
    this.#waiting.delete(timeout);
    this.micros = Math.max(this.micros, at);
    task();
  }
}

test("100 000 timers wait behind one of Node's, cost a call each to arm and to cancel, and fire in time", () => {
  const loop = new VirtualLoop();
  const { executor, engine } = new Runtime({
    clock: { micros: () => loop.micros, wallMillis: () => 0 },
    timers: loop,
  });
  let started = false;
  executor.add(() => {
    started = true;
  });
  loop.run(() => started);
  const begun = loop.micros;
  const early: number[] = [];
  let fired = 0;
  let latest = 0;
  const before = engine.calls;
  const timers = Array.from({ length: count }, (_, index) =>
    executor.schedule(delayMs(index), () => {
      fired++;
      const late = loop.micros - (begun + delayMs(index) * 1000);
      latest = Math.max(latest, late);
      if (late < 0) early.push(index);
    }),
  );
  expect(engine.calls - before).toBe(count);
  expect(executor.scheduled).toBe(count);
  const cancelled = timers.filter((_, index) => index % 2 === 1).filter((timer) => timer.cancel()).length;
  expect(cancelled).toBe(count / 2);
  expect(engine.calls - before).toBe(count + cancelled);
  loop.run(() => executor.scheduled === 0);
  expect(fired).toBe(count - cancelled);
  expect(early).toEqual([]);
  expect(latest).toBeLessThan(2000); // of the wheel's tick and Node's, a millisecond each
  expect(loop.most).toBe(1);
  // The nearest deadline moves nearer a few times while they are armed; then each waking sets it again once.
  expect(loop.set).toBeLessThan(2 * spanMs);
});
