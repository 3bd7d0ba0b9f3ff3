/**
 * One zod object per command is the whole truth about its flags: this file reads the flags' names, kinds, defaults and help
 * out of it, and turns arguments and environment into its input. A flag wins over its variable.
 */
import { parseArgs } from "node:util";
import { z } from "zod";
import { Failure } from "./failure.ts";

export interface FlagNote {
  /** One line for `--help`. */
  readonly description: string;
  /** Placeholder of the value, such as `PATH`; none for a switch. */
  readonly value?: string;
  /** Set for an argument that stands without a flag; they are filled in the schema's order. */
  readonly positional?: boolean;
  /** How the default reads in `--help`, where the bare value would not do. */
  readonly defaultSays?: string;
}

const notes = z.registry<FlagNote>();

/** Attaches the help text to a flag's schema. Call it last: wrappers such as `.optional()` make a new schema. */
export function flag<T extends z.ZodType>(schema: T, note: FlagNote): T {
  notes.add(schema, note);
  return schema;
}

/** A flag or argument as help and parser see it. */
export interface FlagShape extends FlagNote {
  readonly key: string;
  /** `--tls-root`, or the placeholder of an argument. */
  readonly label: string;
  readonly kind: "switch" | "value" | "list";
  readonly required: boolean;
  readonly default: unknown;
  readonly variable: string;
}

export type FlagSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

/** The flags of a command in the order they were declared. */
export function describeFlags(schema: FlagSchema): FlagShape[] {
  return Object.entries(schema.shape).map(([key, field]) => {
    const note = notes.get(field);
    if (note === undefined) throw new Error(`flag ${key} has no description`);
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const { inner, optional, preset } = unwrap(field);
    return {
      ...note,
      key,
      label: note.positional ? (note.value ?? name.toUpperCase()) : `--${name}`,
      kind: inner instanceof z.ZodBoolean ? "switch" : inner instanceof z.ZodArray ? "list" : "value",
      required: !optional,
      default: preset,
      variable: `MOQB_${name.replaceAll("-", "_").toUpperCase()}`,
    };
  });
}

function unwrap(field: z.ZodType): { inner: z.ZodType; optional: boolean; preset: unknown } {
  let inner: unknown = field;
  let optional = false;
  let preset: unknown;
  for (;;) {
    if (inner instanceof z.ZodOptional) {
      optional = true;
      inner = inner.unwrap();
    } else if (inner instanceof z.ZodDefault) {
      optional = true;
      preset = inner.def.defaultValue;
      inner = inner.unwrap();
    } else if (inner instanceof z.ZodPipe) {
      inner = inner.in;
    } else {
      return { inner: inner as z.ZodType, optional, preset };
    }
  }
}

/** Values for a command from its arguments and the environment, checked; a wrong one is a `Failure` that names the right use. */
export function parseFlags<S extends FlagSchema>(
  command: string,
  schema: S,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const shapes = describeFlags(schema);
  const help = `see moqb ${command} --help`;
  const input: Record<string, unknown> = {};
  for (const shape of shapes) {
    const text = env[shape.variable];
    if (shape.positional || text === undefined || text === "") continue;
    input[shape.key] =
      shape.kind === "switch" ? switchValue(shape, text) : shape.kind === "list" ? text.split(",") : text;
  }
  Object.assign(input, readArguments(shapes, argv, help));
  for (const shape of shapes) {
    if (shape.required && input[shape.key] === undefined) {
      const wanted = shape.positional ? shape.label : `${shape.label} ${shape.value ?? ""}`.trim();
      throw new Failure("usage", `moqb ${command} needs ${wanted}; ${help}`);
    }
  }
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const shape = shapes.find(({ key }) => key === issue?.path[0]);
  const given = shape === undefined ? "" : ` "${String(input[shape.key])}"`;
  throw new Failure(
    "usage",
    `${shape?.label ?? `moqb ${command}`}${given}: ${issue?.message ?? "is not right"}; ${help}`,
  );
}

/** Arguments by key. Written on node:util's tokens, because its own strict errors do not name the right use. */
function readArguments(shapes: readonly FlagShape[], argv: readonly string[], help: string): Record<string, unknown> {
  const flags = new Map(shapes.filter(({ positional }) => !positional).map((shape) => [shape.label.slice(2), shape]));
  const places = shapes.filter(({ positional }) => positional);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      [...flags].map(([name, { kind }]) => [name, { type: kind === "switch" ? "boolean" : "string" } as const]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === "positional") {
      const place = places.shift();
      if (place === undefined) throw new Failure("usage", `"${token.value}" is one argument too many; ${help}`);
      values[place.key] = token.value;
    } else if (token.kind === "option") {
      const shape = flags.get(token.name);
      if (shape === undefined || !token.rawName.startsWith("--")) {
        const near = nearest(token.name, [...flags.keys()]);
        throw new Failure(
          "usage",
          `there is no flag ${token.rawName}; ${near ? `did you mean --${near}, or ` : ""}${help}`,
        );
      }
      values[shape.key] = optionValue(shape, token.value, values[shape.key], help);
    }
  }
  return values;
}

function optionValue(shape: FlagShape, value: string | undefined, earlier: unknown, help: string): unknown {
  if (shape.kind === "switch") {
    if (value !== undefined) throw new Failure("usage", `${shape.label} is a switch and takes no value; ${help}`);
    return true;
  }
  if (value === undefined || value.startsWith("--")) {
    throw new Failure("usage", `${shape.label} needs a value; write ${shape.label} ${shape.value ?? "VALUE"}`);
  }
  if (shape.kind === "list") return [...(Array.isArray(earlier) ? earlier : []), value];
  if (earlier !== undefined) throw new Failure("usage", `${shape.label} is given twice; give it once`);
  return value;
}

function switchValue(shape: FlagShape, text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new Failure("usage", `${shape.variable} is "${text}"; write 1 or 0`);
}

/** The known name closest to a mistyped one, when it is close enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, swap));
    }
    row = next;
  }
  return row[b.length] as number;
}
