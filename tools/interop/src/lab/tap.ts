/** Results of the interop clients: TAP 14 with a YAML block per test. */

export interface TapTest {
  readonly name: string;
  readonly ok: boolean;
  /** The scalar fields of its YAML block, such as `duration_ms` and `message`. */
  readonly fields: Record<string, string>;
}

/** Reads the tests out of a program's lines; other lines are passed over. */
export function parseTap(lines: readonly string[]): TapTest[] {
  const tests: TapTest[] = [];
  for (const line of lines) {
    const result = /^(not )?ok \d+ - (\S+)/.exec(line);
    if (result !== null) tests.push({ name: result[2] as string, ok: result[1] === undefined, fields: {} });
    const field = /^ {2}(\w+): (.+)$/.exec(line);
    const current = tests.at(-1);
    if (field !== null && current !== undefined) current.fields[field[1] as string] = field[2] as string;
  }
  return tests;
}
