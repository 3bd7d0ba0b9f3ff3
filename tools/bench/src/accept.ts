/** Keeps figures in docs/PERFORMANCE.md: the last accepted run, with commit and machine, that later runs are held against. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, type } from "node:os";
import { inRoot } from "@moqingbird/toolchain";
import { type Figure, short, times } from "./figure.ts";
import type { Settings } from "./settings.ts";

const document = inRoot("docs/PERFORMANCE.md");

/** Replaces the table of a benchmark: what stands between its two marks. */
export function accept(name: string, figures: readonly Figure[], settings: Settings, busyness: string): void {
  const text = readFileSync(document, "utf8");
  writeFileSync(document, withTable(text, name, `${table(figures)}\n\n${circumstances(settings, busyness)}`));
}

/** The document with another text between the marks of `name`. Throws when it has no such marks. */
export function withTable(text: string, name: string, table: string): string {
  const [open, close] = [`<!-- figures of ${name} -->`, `<!-- end of ${name} -->`];
  const start = text.indexOf(open);
  const end = text.indexOf(close);
  if (start < 0 || end < start) throw new Error(`docs/PERFORMANCE.md has no place for ${name}: ${open} and ${close}`);
  return `${text.slice(0, start + open.length)}\n\n${table}\n\n${text.slice(end)}`;
}

/** How much else the machine does, as a run begins: what runs itself counts from then on. */
export const busyness = (): string => (loadavg()[0] ?? 0).toFixed(1);

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, peer, peerValue, ratio, budget, budgetOn, ok }) => {
    const wanted =
      budgetOn === "ratio" ? times(budget) : budgetOn === null ? "" : `${budgetOn.slice(6)} ${short(budget)}`;
    return [
      name,
      `${short(value)} ${unit}`,
      peer === "" ? "" : `${short(peerValue)} (${peer})`,
      peer === "" ? "" : times(ratio),
      `${wanted}${ok ? "" : ", **missed**"}`,
    ];
  });
  const all = [["Figure", "Value", "Against", "Ratio", "Budget"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(all[0]!), rule, ...all.slice(1).map(line)].join("\n");
}

function circumstances({ seconds, rounds }: Settings, busyness: string): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: inRoot(), encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short", "HEAD");
  const changed = git("status", "--porcelain", "--", "packages", "wasm", "apps", "tools") === "" ? "" : " with changes";
  const processors = `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown processor"}`;
  const date = new Date().toISOString().slice(0, 10);
  return `Commit ${commit}${changed}, ${date}; ${processors}, ${type()} ${release()}, Node ${process.versions.node}; load average before: ${busyness}; ${seconds} s, ${rounds} rounds.`;
}
