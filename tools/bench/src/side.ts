/**
 * The sides of a benchmark: each is a process of its own, so that its CPU time can be told. Orders go in and answers come
 * out as lines of JSON on the standard streams, which Node and Deno have alike.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How a side is started. */
export interface Launch {
  /** Relative to this folder. */
  readonly file: string;
  /** Given to it as JSON. */
  readonly parameters?: object;
  /** What runs the file. Default: this Node, TypeScript and packages from source. */
  readonly runner?: readonly [program: string, ...args: string[]];
}

/** What a side did between two moments. */
export interface Reading {
  readonly wallSeconds: number;
  /** User and system time of the whole process, threads included. */
  readonly cpuSeconds: number;
  /** What is counted: objects, datagrams, handshakes. */
  readonly units: number;
  readonly bytes: number;
  /** UDP packets, where the side knows. */
  readonly packets: number;
}

/** Node with the flags that sides of ours need. */
export const ourNode = (...flags: string[]): [string, ...string[]] => [
  process.execPath,
  "--conditions=@moqingbird/source",
  "--disable-warning=ExperimentalWarning",
  ...flags,
];

/** How long a side may take to answer before it counts as hung, in milliseconds. */
const patienceMs = 60_000;

/** A running side. */
export class Side {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #over = false;

  constructor({ file, parameters = {}, runner = ourNode() }: Launch) {
    this.#name = file;
    const [program, ...args] = runner;
    const path = new URL(file, import.meta.url).pathname;
    this.#child = spawn(program, [...args, path, JSON.stringify(parameters)], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin?.on("error", () => {}); // a side that ended is told by `next`
    this.#child.once("error", () => this.#end());
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on("line", (line) => {
      if (!line.startsWith("{")) return;
      if (this.#waiting === undefined) this.#lines.push(line);
      else this.#waiting(line);
    });
    lines.once("close", () => this.#end());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The next answer. Rejects when the side ends, or says nothing for a minute. */
  async next<T>(): Promise<T> {
    const line =
      this.#lines.shift() ??
      (this.#over ? undefined : await this.#nextLine().finally(() => (this.#waiting = undefined)));
    if (line === undefined) throw new Error(`${this.#name} ended before it answered; what it said is above`);
    return JSON.parse(line) as T;
  }

  order(order: string): void {
    this.#child.stdin?.write(`${order}\n`);
  }

  /** Gives an order and resolves to the answer. */
  ask<T>(order: string): Promise<T> {
    this.order(order);
    return this.next<T>();
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }

  #nextLine(): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#name} did not answer for a minute`)), patienceMs);
      this.#waiting = (line) => {
        clearTimeout(timer);
        resolve(line);
      };
    });
  }

  #end(): void {
    this.#over = true;
    this.#waiting?.(undefined);
  }
}
