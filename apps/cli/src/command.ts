/** What a command of `moqb` is: its flags, its help, and the function behind it. */
import type { Readable, Writable } from "node:stream";
import type { z } from "zod";
import { describeFlags, type FlagSchema, type FlagShape, parseFlags } from "./flags.ts";

/** The program's surroundings, handed in so that a test can be the terminal. */
export interface Surroundings {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at the first Ctrl-C or SIGTERM: end what runs, close, return. */
  readonly signal: AbortSignal;
  /** Calls back at each SIGHUP, which ends the program otherwise, until the function returned is called. */
  readonly onReload?: (task: () => void) => () => void;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  run(argv: readonly string[], surroundings: Surroundings): Promise<void>;
  help(): string;
}

export interface CommandSpec<S extends FlagSchema> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** A paragraph that says what happens. */
  readonly description: string;
  readonly flags: S;
  readonly examples: readonly { readonly says: string; readonly line: string }[];
  run(values: z.output<S>, surroundings: Surroundings): Promise<void>;
}

/** Makes a command of its description. */
export function defineCommand<S extends FlagSchema>(spec: CommandSpec<S>): Command {
  return {
    name: spec.name,
    summary: spec.summary,
    run: (argv, surroundings) => spec.run(parseFlags(spec.name, spec.flags, argv, surroundings.env), surroundings),
    help: () => renderHelp(spec),
  };
}

function renderHelp<S extends FlagSchema>(spec: CommandSpec<S>): string {
  const shapes = describeFlags(spec.flags);
  const places = shapes.filter(({ positional }) => positional);
  const flags = shapes.filter(({ positional }) => !positional);
  const usage = [
    "moqb",
    spec.name,
    ...places.map(({ label, required }) => (required ? label : `[${label}]`)),
    ...flags.filter(({ required }) => required).map(({ label, value }) => `${label} ${value ?? ""}`.trim()),
    "[flags]",
  ].join(" ");
  const sections = [`Usage: ${usage}`, wrap(spec.description, 100)];
  if (places.length > 0) sections.push(`Arguments:\n${table(places)}`);
  sections.push(`Flags (each also as environment variable, --tls-root as MOQB_TLS_ROOT):\n${table(flags)}`);
  sections.push(`Examples:\n${spec.examples.map(({ says, line }) => `  # ${says}\n  ${line}`).join("\n")}`);
  return `${sections.join("\n\n")}\n`;
}

function table(shapes: readonly FlagShape[]): string {
  const names = shapes.map((shape) => (shape.positional ? shape.label : `${shape.label} ${shape.value ?? ""}`.trim()));
  const width = Math.max(...names.map((name) => name.length)) + 2;
  return shapes
    .map((shape, index) => {
      const preset = shape.defaultSays ?? (typeof shape.default === "boolean" ? undefined : shape.default);
      const suffix = preset === undefined ? "" : ` (default ${String(preset)})`;
      return `  ${(names[index] as string).padEnd(width)}${shape.description}${suffix}`;
    })
    .join("\n");
}

function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join("\n");
}
