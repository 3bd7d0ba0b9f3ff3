/** The demo's table: who sends and who receives, how much, how late (median and 99th percentile), and what is missing. */
import { formatRate } from "../quantity.ts";

export interface TableRow {
  readonly name: string;
  /** What it is doing: `live`, `joins in 3 s`, … */
  readonly state: string;
  readonly groups: number;
  readonly frames: number;
  readonly bitsPerSecond: number;
  /** Milliseconds from publishing to receiving: median and 99th percentile; none for the publisher. */
  readonly latency?: { readonly p50: number; readonly p99: number };
  readonly missing: number;
  readonly wrong: number;
}

const columns = ["", "state", "groups", "frames", "rate", "ms p50 / p99", "missing", "wrong"] as const;

/** The table as lines of text, columns aligned. */
export function renderTable(rows: readonly TableRow[]): string[] {
  const cells = rows.map((row) => [
    row.name,
    row.state,
    String(row.groups),
    String(row.frames),
    formatRate(row.bitsPerSecond),
    row.latency === undefined ? "-" : `${row.latency.p50.toFixed(1)} / ${row.latency.p99.toFixed(1)}`,
    String(row.missing),
    String(row.wrong),
  ]);
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (parts: readonly string[]) =>
    parts
      .map((part, column) => (column < 2 ? part.padEnd(widths[column] ?? 0) : part.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(columns), ...cells.map(line)];
}

/** Latencies of the last frames, for percentiles. Bounded: a ring. */
export class LatencyWindow {
  readonly #ring = new Float64Array(2048);
  #count = 0;

  add(ms: number): void {
    this.#ring[this.#count++ % this.#ring.length] = ms;
  }

  /** Median and 99th percentile, or undefined before the first frame. */
  percentiles(): { p50: number; p99: number } | undefined {
    const size = Math.min(this.#count, this.#ring.length);
    if (size === 0) return undefined;
    const sorted = this.#ring.slice(0, size).sort();
    const at = (share: number) => sorted[Math.min(size - 1, Math.floor(size * share))] as number;
    return { p50: at(0.5), p99: at(0.99) };
  }
}
