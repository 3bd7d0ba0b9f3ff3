/** Child processes of a benchmark: each side gets a process, so that each side's CPU time can be told. */
import { type ChildProcess, fork } from "node:child_process";

/** A forked side that answers by messages of one type each. */
export class Side {
  readonly #child: ChildProcess;
  readonly #name: string;

  /** Starts `file` (relative to this folder) with the parameters as its one argument. */
  constructor(file: string, parameters: object = {}) {
    this.#name = file;
    this.#child = fork(new URL(file, import.meta.url), [JSON.stringify(parameters)]);
  }

  /** The next message; rejects when the side ends first. */
  next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`${this.#name} ended with code ${code}`));
      this.#child.once("exit", onExit);
      this.#child.once("message", (message) => {
        this.#child.off("exit", onExit);
        resolve(message as T);
      });
    });
  }

  send(message: object): void {
    this.#child.send(message);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }
}

/** CPU and wall time of this process between two moments. */
export class Stopwatch {
  readonly #wall = performance.now();
  readonly #cpu = process.cpuUsage();

  read(): { readonly wallSeconds: number; readonly cpuSeconds: number } {
    const { user, system } = process.cpuUsage(this.#cpu);
    return { wallSeconds: (performance.now() - this.#wall) / 1000, cpuSeconds: (user + system) / 1e6 };
  }
}

/** The parameters this side was started with. */
export function parameters<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}
