/** What every side does: tells that it is ready, and answers orders with readings of its own process. Node and Deno run it. */
import process from "node:process";
import { createInterface } from "node:readline";
import type { Reading } from "../side.ts";

/** What a side counts, since its start. */
export interface Totals {
  readonly units: number;
  readonly bytes: number;
  readonly packets?: number;
  /** Whatever else a benchmark wants to know at the end. */
  readonly [more: string]: unknown;
}

export interface Obedient {
  totals(): Totals;
  /** Ends the load, and resolves when what was sent has arrived. */
  stop?(): Promise<void>;
  /** Answers to orders that are this side's own. */
  readonly orders?: Readonly<Record<string, (argument: string) => object | Promise<object>>>;
}

/** The parameters this side was started with. */
export function parameters<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

export function tell(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/**
 * Tells `ready`, then answers: `begin` starts a reading (and a CPU profile into the file named after it), `end` finishes and
 * tells it, `stop` ends the load and tells the totals.
 */
export function obey(side: Obedient, ready: object = {}): void {
  let watch = new Stopwatch(side);
  let finishProfile: (() => Promise<void>) | undefined;
  const orders: Obedient["orders"] = {
    ...side.orders,
    async begin(file) {
      finishProfile = file === "" ? undefined : await startProfile(file);
      watch = new Stopwatch(side);
      return {};
    },
    async end() {
      const reading = watch.read();
      await finishProfile?.();
      return reading;
    },
    async stop() {
      await side.stop?.();
      return side.totals();
    },
  };
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const [order = "", ...rest] = line.split(" ");
    tell((await orders[order]?.(rest.join(" "))) ?? {});
  });
  lines.once("close", () => process.exit()); // whoever gave the orders is gone
  tell(ready);
}

/** CPU, wall time and counts between two moments. */
class Stopwatch {
  readonly #side: Obedient;
  readonly #before: Totals;
  readonly #wall = performance.now();
  readonly #cpu = process.cpuUsage();

  constructor(side: Obedient) {
    this.#side = side;
    this.#before = side.totals();
  }

  read(): Reading {
    const { user, system } = process.cpuUsage();
    const wallSeconds = (performance.now() - this.#wall) / 1000;
    const { units, bytes, packets = 0 } = this.#side.totals();
    return {
      wallSeconds,
      cpuSeconds: (user - this.#cpu.user + system - this.#cpu.system) / 1e6,
      units: units - this.#before.units,
      bytes: bytes - this.#before.bytes,
      packets: packets - (this.#before.packets ?? 0),
    };
  }
}

async function startProfile(file: string): Promise<() => Promise<void>> {
  const { startProfile: start } = await import("../profile.ts");
  return start(file);
}
