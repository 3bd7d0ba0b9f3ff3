/** Numbers with a unit, as people type and read them. */

const decimalSuffix: Record<string, number> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };
const binarySuffix: Record<string, number> = { "": 1, k: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `100M` → 100 000 000; undefined when it is no rate. */
export function parseRate(text: string): number | undefined {
  return parseSuffixed(text, decimalSuffix);
}

/** `64M` → 67 108 864; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  return parseSuffixed(text, binarySuffix);
}

function parseSuffixed(text: string, suffixes: Record<string, number>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kKMG]?)$/.exec(text);
  if (match === null) return undefined;
  const suffix = match[2] === "K" ? "k" : (match[2] ?? "");
  const value = Math.round(Number(match[1]) * (suffixes[suffix] ?? Number.NaN));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** `12 345 678` → `12.3 MB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, "B");
}

/** Bits per second, `98 700 000` → `98.7 Mbit/s`. */
export function formatRate(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, "bit/s");
}

function scaled(value: number, unit: string): string {
  const prefixes = ["", "k", "M", "G", "T"];
  let step = 0;
  while (value >= 999.5 && step < prefixes.length - 1) {
    value /= 1000;
    step++;
  }
  return `${step === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${prefixes[step]}${unit}`;
}

/** `n` things, in the singular or plural. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
