/** Our relay's log, read as the proof of what happened: JSON lines with an `event` and its fields. */
import type { Program } from "./program.ts";

export type LogRecord = Readonly<Record<string, unknown>>;

/** Fields a record must have; a pattern must match the field's text. */
export type LogMatch = Readonly<Record<string, unknown>>;

export class RelayLog {
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
  }

  /** The first record that matches, past or future. Rejects when none comes in time. */
  until(match: LogMatch, timeoutMs?: number): Promise<LogRecord> {
    const test = (line: string): LogRecord | undefined => {
      const record = parse(line);
      return record !== undefined && matches(record, match) ? record : undefined;
    };
    return this.#program.until(`log record with ${describe(match)}`, test, timeoutMs);
  }

  /** Resolves when `count` records match, past or future. */
  count(match: LogMatch, count: number, timeoutMs?: number): Promise<void> {
    let found = 0;
    const test = (line: string): true | undefined => {
      const record = parse(line);
      if (record !== undefined && matches(record, match)) found++;
      return found === count || undefined;
    };
    return this.#program.until(`${count} log records with ${describe(match)}`, test, timeoutMs).then(() => {});
  }

  /** Every matching record so far. */
  all(match: LogMatch): LogRecord[] {
    return this.#program.lines
      .map(parse)
      .filter((record) => record !== undefined && matches(record, match)) as LogRecord[];
  }
}

function parse(line: string): LogRecord | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return undefined; // a line of something else
  }
}

function matches(record: LogRecord, match: LogMatch): boolean {
  return Object.entries(match).every(([name, wanted]) =>
    wanted instanceof RegExp ? wanted.test(String(record[name])) : record[name] === wanted,
  );
}

const describe = (match: LogMatch): string =>
  Object.entries(match)
    .map(([name, wanted]) => `${name} ${wanted instanceof RegExp ? wanted : JSON.stringify(wanted)}`)
    .join(", ");
