/** One measured figure, as it is printed: a line of JSON, or a line for people. */

export interface Figure {
  /** Kebab-case, stable: trend lines are keyed by it. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What ran in the same run for comparison; "" for none. */
  readonly peer: string;
  readonly peerValue: number | null;
  /** value / peerValue. */
  readonly ratio: number | null;
  /** What the ratio, or without a peer the value, has to reach; null while there is no budget. */
  readonly budget: number | null;
  readonly ok: boolean;
}

/** A figure beside a peer's of the same run. */
export function compared(
  name: string,
  value: number,
  unit: string,
  peer: { readonly name: string; readonly value: number },
  budget: number | null = null,
): Figure {
  const ratio = peer.value > 0 ? value / peer.value : null;
  const ok = budget === null || (ratio !== null && ratio >= budget);
  return { name, value, unit, peer: peer.name, peerValue: peer.value, ratio, budget, ok };
}

/** A figure on its own. */
export function alone(name: string, value: number, unit: string): Figure {
  return { name, value, unit, peer: "", peerValue: null, ratio: null, budget: null, ok: true };
}

export function printFigures(figures: readonly Figure[], json: boolean): void {
  for (const figure of figures) process.stdout.write(`${json ? JSON.stringify(figure) : sentence(figure)}\n`);
}

function sentence({ name, value, unit, peer, peerValue, ratio, budget, ok }: Figure): string {
  const versus = peerValue === null ? "" : `  ${percent(ratio)} of ${peer} (${short(peerValue)} ${unit})`;
  const wanted = budget === null ? "" : `  budget ${percent(budget)}${ok ? "" : "  SHORT OF BUDGET"}`;
  return `${name.padEnd(36)} ${short(value).padStart(10)} ${unit.padEnd(24)}${versus}${wanted}`;
}

function percent(ratio: number | null): string {
  return ratio === null ? "-" : `${(ratio * 100).toFixed(1)} %`;
}

function short(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString("en").replaceAll(",", " ")
    : value.toFixed(value >= 10 ? 1 : 2);
}
