/** `./run bench NAME [--json] [--seconds N]`: prints each figure with the peer it was measured against in the same run. */
import { parseArgs } from "node:util";
import { aead } from "./aead.ts";
import { bulk } from "./bulk.ts";
import { type Figure, printFigures } from "./figure.ts";

const benches: Record<string, { readonly says: string; run(seconds: number): Promise<Figure[]> }> = {
  aead: { says: "packet encryption in wasm against node:crypto, and ours against ring in the engine", run: aead },
  bulk: { says: "one stream over loopback against raw dgram sending", run: bulk },
};

function usage(): string {
  const names = Object.entries(benches).map(([name, { says }]) => `  ${name.padEnd(8)}${says}`);
  return `./run bench NAME [--json] [--seconds N]

${names.join("\n")}

  --json        one line of JSON per figure: name, value, unit, peer, peerValue, ratio, budget, ok
  --seconds N   how long each side is measured (default 5)
`;
}

function fail(sentence: string): never {
  process.stderr.write(`bench: ${sentence}\n`);
  process.exit(2);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { json: { type: "boolean" }, seconds: { type: "string" }, help: { type: "boolean", short: "h" } },
});
const [name] = positionals;
const bench = name === undefined ? undefined : benches[name];
const seconds = Number(values.seconds ?? 5);
if (values.help === true) {
  process.stdout.write(usage());
} else if (bench === undefined) {
  fail(`${name === undefined ? "no benchmark named" : `there is no benchmark "${name}"`}; see ./run bench --help`);
} else if (!(seconds > 0 && seconds <= 600)) {
  fail(`--seconds "${String(values.seconds)}" is not between 0 and 600; give the seconds to measure`);
} else {
  const figures = await bench.run(seconds);
  printFigures(figures, values.json === true);
  if (!figures.every(({ ok }) => ok)) process.exitCode = 1;
}
