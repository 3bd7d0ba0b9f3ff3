/** Runs other programs: their output goes to a log in the cache, or through to the terminal, and a failure shows its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, createWriteStream, mkdirSync } from "node:fs";
import { setPriority } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "./failure.ts";
import { inCache, root } from "./paths.ts";

export interface CommandOptions {
  /** Default: the top of the checkout. */
  readonly cwd?: string;
  /** Added to this process's environment; `undefined` removes a name. */
  readonly env?: NodeJS.ProcessEnv;
  /** Name of the log file in the cache. Without it the program writes to our own output. */
  readonly log?: string;
  /** Gets every line of a logged program, as it comes. */
  readonly onLine?: (line: string) => void;
  /** Lets other work go first: 0 (default) to 19, inherited by what the program starts. */
  readonly niceness?: number;
  /** The program is ended after this long. Default 20 minutes, which no single step needs. */
  readonly timeoutMs?: number;
}

const tailLines = 25;
const running = new Set<ChildProcess>();

/** Ends what is still running when we are told to end, so that no compiler outlives the command that started it. */
export function endChildrenOnSignal(): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => {
      endChildren();
      process.exit(code);
    });
  }
}

/** Ends what is still running, for a step that failed while others were busy. */
export function endChildren(): void {
  for (const child of running) child.kill("SIGTERM");
}

/** Resolves to the exit code; never throws for a program that fails, only for one that cannot be started. */
export function exitCode(program: string, args: readonly string[], options: CommandOptions = {}): Promise<number> {
  return execute(program, args, options).then((result) => result.code);
}

/** Resolves when the program ended well; otherwise throws a Failure with the end of its output. */
export async function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<void> {
  const { code, tail } = await execute(program, args, options);
  if (code === 0) return;
  const log = options.log === undefined ? "" : `\n${tail.join("\n")}\n(all of it: ${logFile(options.log)})`;
  throw new Failure(`${[program, ...args].join(" ")} failed with exit code ${code}.${log}`);
}

/** Runs a step that fetches up to three times, with a pause between: registries and networks have bad moments. */
export async function thrice<T>(work: () => Promise<T>, pauseMs = (attempt: number) => attempt * 2_000): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 3 || !(error instanceof Failure)) throw error;
      process.stderr.write(`   try ${attempt} of 3 failed, trying again: ${error.message.split("\n", 1)[0]}\n`);
      await delay(pauseMs(attempt));
    }
  }
}

/** Where a program stands on PATH, or undefined. */
export function which(program: string, path = process.env.PATH ?? ""): string | undefined {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not there: look in the next folder
    }
  }
  return undefined;
}

const logFile = (name: string): string => inCache("logs", `${name}.log`);

function execute(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<{ code: number; tail: string[] }> {
  return new Promise((resolve, reject) => {
    const logged = options.log !== undefined;
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: logged ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    });
    running.add(child);
    if (options.niceness !== undefined && child.pid !== undefined) setPriority(child.pid, options.niceness);
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 20 * 60_000);
    const tail: string[] = [];
    if (options.log !== undefined) keepOutput(child, options.log, tail, options.onLine);
    child.once("error", (error) => {
      clearTimeout(timer);
      running.delete(child);
      reject(new Failure(`${program} cannot be started: ${error.message}`));
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      if (signal !== null) tail.push(`ended by ${signal}`);
      resolve({ code: code ?? 1, tail });
    });
  });
}

function keepOutput(child: ChildProcess, name: string, tail: string[], onLine?: (line: string) => void): void {
  mkdirSync(inCache("logs"), { recursive: true });
  const file = createWriteStream(logFile(name));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      file.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        tail.push(line);
        if (tail.length > tailLines) tail.shift();
        onLine?.(line);
      }
    });
  }
  child.once("close", () => file.end());
}
