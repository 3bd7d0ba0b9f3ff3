/** Tells what is going on: a line when a step begins, one when it ends, and one every 20 s for those still busy. */

const heartbeatMs = 20_000;
const busy = new Map<string, { since: number; detail: string }>();
let heartbeat: NodeJS.Timeout | undefined;

/** Tells what a step is busy with now, for the line that says it still is. */
export type Detail = (text: string) => void;

/** Runs one step of work and tells how long it took. Steps may overlap. */
export async function step<T>(title: string, work: (detail: Detail) => Promise<T>): Promise<T> {
  const state = { since: performance.now(), detail: "" };
  busy.set(title, state);
  heartbeat ??= setInterval(tellBusy, heartbeatMs).unref();
  say(`.. ${title}`);
  let outcome = "failed after";
  try {
    const result = await work((text) => {
      state.detail = text;
    });
    outcome = "done in";
    return result;
  } finally {
    busy.delete(title);
    if (busy.size === 0) {
      clearInterval(heartbeat);
      heartbeat = undefined;
    }
    say(`   ${title}: ${outcome} ${seconds(performance.now() - state.since)}`);
  }
}

/** One line about the preparation, on stderr: stdout belongs to the program that follows. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A duration for people: "0.4 s", "12 s", "3 min 20 s". */
export function seconds(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function tellBusy(): void {
  const now = performance.now();
  const lines = Array.from(busy, ([title, { since, detail }]) => {
    return `${title} (${[seconds(now - since), detail].filter(Boolean).join(", ")})`;
  });
  if (lines.length > 0) say(`   still busy: ${lines.join("; ")}`);
}
