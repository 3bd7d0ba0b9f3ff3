/** `moqb`: finds the command, runs it, and turns its end into an exit code and at most one sentence. */
import { readFileSync } from "node:fs";
import type { Command, Surroundings } from "./command.ts";
import { explain } from "./explain.ts";
import { exitCodes, Failure, systemReason } from "./failure.ts";
import { nearest } from "./flags.ts";

/** Loads a command when it is asked for: `moqb --help` starts no engine. */
export interface CommandLoader {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

export const commands: readonly CommandLoader[] = [
  {
    name: "relay",
    summary: "run a relay",
    load: async () => (await import("./commands/relay.ts")).relayCommand,
  },
  {
    name: "pub",
    summary: "publish standard input as a broadcast",
    load: async () => (await import("./commands/pub.ts")).pubCommand,
  },
  {
    name: "sub",
    summary: "subscribe to a broadcast and write it to standard output or a file",
    load: async () => (await import("./commands/sub.ts")).subCommand,
  },
  {
    name: "ls",
    summary: "list the broadcasts that a relay announces",
    load: async () => (await import("./commands/ls.ts")).lsCommand,
  },
  {
    name: "clock",
    summary: "publish the time of day, or subscribe to it",
    load: async () => (await import("./commands/clock.ts")).clockCommand,
  },
  {
    name: "demo",
    summary: "a publisher, a relay and two subscribers, with a live table",
    load: async () => (await import("./commands/demo.ts")).demoCommand,
  },
];

/** Runs `moqb` with these arguments and returns the exit code. Nothing is thrown, and nothing goes on afterwards. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, env } = surroundings;
  const over = new AbortController();
  const signal = AbortSignal.any([surroundings.signal, over.signal]);
  let broken: Error | undefined;
  stdout.on("error", (error) => {
    broken ??= error;
    over.abort();
  });
  try {
    await dispatch(argv, { ...surroundings, signal });
    if (broken !== undefined) throw outputFailure(broken);
    return 0;
  } catch (error) {
    const failure = explain(error);
    stderr.write(`moqb: ${failure.message}\n`);
    if (failure.kind === "internal" && error instanceof Error && env.MOQB_DEBUG) stderr.write(`${error.stack}\n`);
    return failure.exitCode;
  } finally {
    over.abort(); // what a failed command was still waiting for ends, too
  }
}

function outputFailure(error: Error): Failure {
  return new Failure(
    "input-output",
    `standard output cannot be written: ${systemReason(error)}; let its reader read to the end`,
    { cause: error },
  );
}

async function dispatch(argv: readonly string[], surroundings: Surroundings): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const wanted = name === "help" && rest[0] !== undefined ? find(rest[0]) : undefined;
    surroundings.stdout.write(wanted === undefined ? overview() : (await wanted.load()).help());
    if (name === undefined) throw new Failure("usage", "no command given; write moqb COMMAND, such as moqb demo");
    return;
  }
  if (name === "--version" || name === "-V") {
    surroundings.stdout.write(`moqb ${version()}\n`);
    return;
  }
  const command = await find(name).load();
  if (rest.includes("--help") || rest.includes("-h")) surroundings.stdout.write(command.help());
  else await command.run(rest, surroundings);
}

function find(name: string): CommandLoader {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const near = nearest(
    name,
    commands.map((command) => command.name),
  );
  const hint = near === undefined ? "" : `did you mean ${near}, or `;
  throw new Failure("usage", `there is no command "${name}"; ${hint}see moqb --help`);
}

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return `Media over QUIC on the command line.

Usage: moqb COMMAND [arguments] [flags]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join("\n")}

  moqb COMMAND --help tells the flags of a command, with examples; moqb --version tells the version.

Exit codes:
   0  All went well.
${exitCodes.map(({ code, says }) => `  ${String(code).padStart(2)}  ${says}`).join("\n")}
`;
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
