/** A real process under test: its lines can be awaited, its end is a fact with a code, and its output is kept for the report. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";

export interface ProgramOptions {
  /** How the program is called in a report. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * Where standard output goes: "lines" (default) keeps it as text, a file name saves the bytes, and "pipe" leaves
   * `stdout` to the test, which reads at its own pace.
   */
  readonly stdout?: "lines" | "pipe" | { readonly file: string };
  /** A file for standard input, which then ends with it. Default: a pipe that the test writes to and ends. */
  readonly stdin?: { readonly file: string };
}

/** How a program ended: exactly one of the two is set. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Default for every wait, in milliseconds: four times what the slowest step took on two busy cores. */
const patienceMs = 10_000;
/** Lines beyond these are not kept: a program that floods its log must not flood the test. */
const maxLines = 100_000;

type Child = ChildProcessByStdio<Writable | null, Readable | null, Readable>;

const living = new Set<Child>();
process.once("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

export class Program {
  readonly name: string;
  readonly startedAt = performance.now();
  /** Standard error, and standard output when it is kept as lines, without colours, in order of arrival. */
  readonly lines: string[] = [];
  /** Resolves when the process has ended and all its output is in. */
  readonly ended: Promise<Exit>;
  readonly #child: Child;
  readonly #watchers = new Set<() => void>();
  #exit: Exit | undefined;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    const input = options.stdin === undefined ? "pipe" : openSync(options.stdin.file, "r");
    const output = typeof options.stdout === "object" ? openSync(options.stdout.file, "w") : "pipe";
    this.#child = spawn(options.program, options.args, {
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: [input, output, "pipe"],
    }) as Child;
    for (const file of [input, output]) if (typeof file === "number") closeSync(file);
    living.add(this.#child);
    this.#keepLines(this.#child.stderr);
    if (options.stdout === undefined || options.stdout === "lines") this.#keepLines(this.#child.stdout as Readable);
    this.#child.stdin?.on("error", () => {}); // a program that ends early closes its input: its exit code tells why
    this.ended = new Promise((resolve) => {
      const settle = (exit: Exit): void => {
        living.delete(this.#child);
        this.#exit ??= exit;
        this.#notify();
        resolve(this.#exit);
      };
      this.#child.once("error", (error) => {
        this.lines.push(`cannot be started: ${error.message}`);
        settle({ code: 127, signal: null });
      });
      this.#child.once("close", (code, signal) => settle({ code, signal }));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Undefined while the program runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  get stdin(): Writable {
    if (this.#child.stdin === null) throw new Error(`The standard input of ${this.name} is a file.`);
    return this.#child.stdin;
  }

  /** Standard output of a program started with `stdout: "pipe"`. */
  get stdout(): Readable {
    if (this.#child.stdout === null) throw new Error(`The standard output of ${this.name} goes to a file.`);
    return this.#child.stdout;
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** The first line, past or future, for which `test` gives something. Rejects when the time is up or the program ends without it. */
  async until<T>(what: string, test: (line: string) => T | undefined, timeoutMs = patienceMs): Promise<T> {
    let seen = 0;
    return this.#poll(what, timeoutMs, () => {
      for (; seen < this.lines.length; seen++) {
        const found = test(this.lines[seen] as string);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  /** The first line that matches, past or future. */
  line(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return this.until(`a line like ${pattern}`, (line) => pattern.exec(line) ?? undefined, timeoutMs);
  }

  /** The first `count` lines that match, past or future. */
  async matches(pattern: RegExp, count: number, timeoutMs?: number): Promise<string[]> {
    const found: string[] = [];
    return this.until(
      `${count} lines like ${pattern}`,
      (line) => (pattern.test(line) && found.push(line) === count ? found : undefined),
      timeoutMs,
    );
  }

  /** How the program ends, if it does so in time. */
  async exits(timeoutMs = patienceMs): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.name} still runs after ${timeoutMs} ms.`)), timeoutMs);
    });
    try {
      return await Promise.race([this.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Asks it to end, and insists after two seconds. Safe to call on a program that has ended. */
  async stop(): Promise<Exit> {
    if (this.#exit === undefined) this.signal("SIGTERM");
    const insist = setTimeout(() => this.signal("SIGKILL"), 2_000);
    try {
      return await this.ended;
    } finally {
      clearTimeout(insist);
    }
  }

  async #poll<T>(what: string, timeoutMs: number, look: () => T | undefined): Promise<T> {
    let watcher: () => void = () => {};
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        watcher = () => {
          const found = look();
          if (found !== undefined) resolve(found);
          else if (this.#exit !== undefined)
            reject(new Error(`${this.name} ended (${tellExit(this.#exit)}) without ${what}.`));
        };
        timer = setTimeout(() => reject(new Error(`${this.name} gave no ${what} within ${timeoutMs} ms.`)), timeoutMs);
        this.#watchers.add(watcher);
        watcher();
      });
    } finally {
      this.#watchers.delete(watcher);
      clearTimeout(timer);
    }
  }

  #keepLines(stream: Readable): void {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#push(line);
      this.#notify();
    });
    stream.once("end", () => {
      if (rest !== "") this.#push(rest);
      this.#notify();
    });
  }

  #push(line: string): void {
    if (this.lines.length < maxLines) this.lines.push(stripVTControlCharacters(line));
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export const tellExit = ({ code, signal }: Exit): string =>
  signal === null ? `exit code ${code}` : `ended by ${signal}`;
