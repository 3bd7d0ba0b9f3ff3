/** `./run bench NAME [--json [FILE]]`: prints each figure with the peer or ceiling it was measured against in the same run. */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inCache } from "@moqingbird/toolchain";
import { accept, busyness } from "./accept.ts";
import { benches } from "./benches.ts";
import { type Figure, sentence } from "./figure.ts";
import type { Settings } from "./settings.ts";

const usage = `./run bench NAME ... [options]      all: every benchmark

${Object.entries(benches)
  .map(([name, { says }]) => `  ${name.padEnd(12)}${says}`)
  .join("\n")}

  --json          one line of JSON per figure: name, value, unit, peer, peerValue, ratio, budget, ok
  --out FILE      the same lines into a file
  --seconds N     how long each contender is measured per round (default 2)
  --rounds N      rounds, in which all contenders take turns; the median counts (default 5)
  --no-peers      leave other people's programs out
  --profile DIR   where CPU profiles and figures are kept (default: bench/ in the cache)
  --no-profiles   keep none
  --accept        keep the figures in docs/PERFORMANCE.md, with commit and machine: on a quiet machine
`;

function fail(sentence: string): never {
  process.stderr.write(`bench: ${sentence}; see ./run bench --help\n`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      allowNegative: true,
      options: {
        json: { type: "boolean" },
        out: { type: "string" },
        seconds: { type: "string", default: "2" },
        rounds: { type: "string", default: "5" },
        peers: { type: "boolean", default: true },
        profile: { type: "string", default: inCache("bench") },
        profiles: { type: "boolean", default: true },
        accept: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    fail(error instanceof Error ? error.message.split(". ")[0]! : String(error));
  }
}

function within(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (!(value >= low && value <= high)) fail(`--${name} "${text}" is not between ${low} and ${high}`);
  return value;
}

const { values, positionals } = options();
if (values.help || positionals.length === 0) {
  process.stdout.write(usage);
  process.exit(0);
}
const names = positionals.includes("all") ? Object.keys(benches) : positionals;
const unknown = names.find((name) => benches[name] === undefined);
if (unknown !== undefined) fail(`there is no benchmark "${unknown}"`);
const common = {
  seconds: within("seconds", values.seconds, 0.01, 600),
  rounds: within("rounds", values.rounds, 1, 1000),
  warmUpMs: 1500,
  peers: values.peers,
};
if (values.out !== undefined) rmSync(values.out, { force: true });

for (const name of names) {
  const profile = values.profiles ? join(values.profile, name) : undefined;
  if (profile !== undefined) rmSync(profile, { recursive: true, force: true });
  const settings: Settings = { ...common, ...(profile !== undefined && { profile }) };
  const before = busyness();
  try {
    const figures = await benches[name]!.run(settings);
    report(figures, profile);
    if (values.accept) accept(name, figures, settings, before);
  } catch (error) {
    process.stderr.write(`bench: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

function report(figures: readonly Figure[], profile: string | undefined): void {
  const lines = figures.map((figure) => `${JSON.stringify(figure)}\n`).join("");
  process.stdout.write(values.json ? lines : `${figures.map(sentence).join("\n")}\n`);
  if (values.out !== undefined) appendFileSync(values.out, lines);
  if (profile !== undefined) {
    mkdirSync(profile, { recursive: true });
    writeFileSync(join(profile, "figures.jsonl"), lines);
  }
  if (!figures.every(({ ok }) => ok)) process.exitCode = 1;
}
