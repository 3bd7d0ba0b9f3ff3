/** One measured figure, as it is printed: a line of JSON, or a line for people. */

export interface Figure {
  /** Kebab-case, stable: trend lines are keyed by it. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What ran in the same run for comparison; "" for none. */
  readonly peer: string;
  readonly peerValue: number | null;
  /** How many times better than the peer: value / peerValue where more is better, peerValue / value where less is. */
  readonly ratio: number | null;
  /** What the ratio has to reach, or what the value has to reach or may not pass; see `budgetOn`. */
  readonly budget: number | null;
  readonly budgetOn: "ratio" | "value at least" | "value at most" | null;
  readonly ok: boolean;
}

/** What a figure is held against. Values of the same index were taken in the same round. */
export interface Peer {
  readonly name: string;
  readonly values: readonly number[];
}

/** More is better: the median over rounds beside a peer's, and the median of the rounds' ratios. */
export function more(
  name: string,
  unit: string,
  values: readonly number[],
  peer: Peer,
  budget: number | null = null,
): Figure {
  return beside(name, unit, values, peer, budget, (ours, theirs) => ours / theirs);
}

/** Less is better, as a duration is; the ratio says how many times less. */
export function less(
  name: string,
  unit: string,
  values: readonly number[],
  peer: Peer,
  budget: number | null = null,
): Figure {
  return beside(name, unit, values, peer, budget, (ours, theirs) => theirs / ours);
}

const unbounded = { budget: null, budgetOn: null, ok: true } as const;

/** A figure on its own. */
export function alone(name: string, unit: string, values: readonly number[]): Figure {
  return { name, value: median(values), unit, peer: "", peerValue: null, ratio: null, ...unbounded };
}

/** A figure that has to reach its budget, whatever anybody else does. */
export function atLeast(figure: Figure, budget: number): Figure {
  return { ...figure, budget, budgetOn: "value at least", ok: figure.value >= budget };
}

/** A figure that may not pass its budget. */
export function atMost(figure: Figure, budget: number): Figure {
  return { ...figure, budget, budgetOn: "value at most", ok: figure.value <= budget };
}

/** The middle value; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function beside(
  name: string,
  unit: string,
  values: readonly number[],
  peer: Peer,
  budget: number | null,
  better: (ours: number, theirs: number) => number,
): Figure {
  const ratios = values.map((value, round) => better(value, peer.values[round] ?? Number.NaN));
  const ratio = finite(median(ratios));
  const figure = { name, value: median(values), unit, peer: peer.name, peerValue: finite(median(peer.values)), ratio };
  if (budget === null) return { ...figure, ...unbounded };
  return { ...figure, budget, budgetOn: "ratio", ok: ratio !== null && ratio >= budget };
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** A figure as a line for people. */
export function sentence({ name, value, unit, peer, peerValue, ratio, budget, budgetOn, ok }: Figure): string {
  const versus = peer === "" ? "" : `  ${times(ratio)} against ${short(peerValue)} of ${peer}`;
  const bound = budgetOn === "ratio" ? times(budget) : `${budgetOn?.slice("value ".length)} ${short(budget)}`;
  const wanted = budget === null ? "" : `  budget ${bound}${ok ? "" : "  SHORT OF BUDGET"}`;
  return `${name.padEnd(38)} ${short(value).padStart(9)} ${unit.padEnd(22)}${versus}${wanted}`;
}

/** A ratio for people. */
export function times(ratio: number | null): string {
  if (ratio === null) return "-";
  return ratio < 1 ? `${(ratio * 100).toFixed(1)} %` : `${ratio.toFixed(2)} x`;
}

/** A number for people. */
export function short(value: number | null): string {
  if (value === null) return "-";
  if (value >= 1000) return Math.round(value).toLocaleString("en").replaceAll(",", " ");
  return value.toFixed(value >= 10 || value === 0 ? 1 : value >= 0.1 ? 2 : 4);
}
