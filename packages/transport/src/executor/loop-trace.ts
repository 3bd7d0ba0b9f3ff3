/**
 * What the packet loop did lately, turn by turn, in a ring of fixed size: how often it ran, why, how late, and how much it
 * had to do.
 */

/** Why the loop was woken: a packet, a task, a deadline on the wheel, work for the engine, or what the turn before left. */
export type WakeReason = "start" | "packets" | "task" | "timer" | "engine" | "rest";

const reasons: readonly WakeReason[] = ["start", "packets", "task", "timer", "engine", "rest"];

/** One turn. */
export interface LoopTurn {
  /** What woke it first. */
  readonly reason: WakeReason;
  /** Clock at its begin, µs. */
  readonly startMicros: number;
  /** From the wake-up, or the deadline, to the begin, µs. */
  readonly lagMicros: number;
  /** Time it took, µs. */
  readonly busyMicros: number;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Tasks and application timers it ran. */
  readonly tasks: number;
  readonly timers: number;
  /** How long the loop may sleep afterwards, µs: 0 when work is left, -1 until something wakes it. */
  readonly waitMicros: number;
}

/** Many turns in a few numbers. */
export interface LoopSummary {
  /** Time they span, µs. */
  readonly spanMicros: number;
  readonly turns: number;
  /** Turns that the ring had no room for: the other numbers are without them. */
  readonly missedTurns: number;
  /** Turns by what woke them; reasons that did not occur are left out. */
  readonly reasons: Readonly<Partial<Record<WakeReason, number>>>;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Most packets taken in, or sent, by one turn. */
  readonly maxPacketsPerTurn: number;
  readonly tasks: number;
  readonly timers: number;
  readonly busyMicros: number;
  readonly meanLagMicros: number;
  readonly maxLagMicros: number;
}

/** Turns a ring keeps by default, about 72 bytes each. */
export const defaultTraceTurns = 4096;
const fields = 9;

/** A trace that is being recorded; made by `executor.trace()`. */
export class LoopTrace {
  readonly #ring: Float64Array;
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #close: () => void;
  /** Turns recorded since the start, and at the last summary. */
  #count = 0;
  #summed = 0;
  #summedAt: number;

  constructor(turns: number, now: () => number, close: () => void) {
    if (!(Number.isInteger(turns) && turns > 0 && turns <= 1 << 20)) {
      throw new RangeError(`a trace keeps 1 to ${1 << 20} turns, not ${turns}`);
    }
    this.#ring = new Float64Array(turns * fields);
    this.#capacity = turns;
    this.#now = now;
    this.#summedAt = now();
    this.#close = close;
  }

  /** The newest turns, oldest first. */
  turns(): LoopTurn[] {
    const from = Math.max(0, this.#count - this.#capacity);
    return Array.from({ length: this.#count - from }, (_, index) => this.#turn(from + index));
  }

  /** The turns since the last call, or since the start. */
  summary(): LoopSummary {
    const nowMicros = this.#now();
    const from = Math.max(this.#summed, this.#count - this.#capacity);
    const missedTurns = from - this.#summed;
    const spanMicros = nowMicros - this.#summedAt;
    this.#summed = this.#count;
    this.#summedAt = nowMicros;
    const found: Partial<Record<WakeReason, number>> = {};
    let [packetsReceived, packetsSent, maxPacketsPerTurn, tasks, timers, busyMicros, lag, maxLagMicros] = [
      0, 0, 0, 0, 0, 0, 0, 0,
    ];
    for (let index = from; index < this.#count; index++) {
      const turn = this.#turn(index);
      found[turn.reason] = (found[turn.reason] ?? 0) + 1;
      packetsReceived += turn.packetsReceived;
      packetsSent += turn.packetsSent;
      maxPacketsPerTurn = Math.max(maxPacketsPerTurn, turn.packetsReceived, turn.packetsSent);
      tasks += turn.tasks;
      timers += turn.timers;
      busyMicros += turn.busyMicros;
      lag += turn.lagMicros;
      maxLagMicros = Math.max(maxLagMicros, turn.lagMicros);
    }
    const turns = this.#count - from;
    const meanLagMicros = turns === 0 ? 0 : lag / turns;
    return {
      spanMicros,
      turns,
      missedTurns,
      reasons: found,
      packetsReceived,
      packetsSent,
      maxPacketsPerTurn,
      tasks,
      timers,
      busyMicros,
      meanLagMicros,
      maxLagMicros,
    };
  }

  /** Ends the recording; what was recorded stays readable. Repeatable. */
  stop(): void {
    this.#close();
  }

  /** From the executor, at the end of each turn. */
  record(turn: LoopTurn): void {
    const at = (this.#count++ % this.#capacity) * fields;
    const ring = this.#ring;
    ring[at] = reasons.indexOf(turn.reason);
    ring[at + 1] = turn.startMicros;
    ring[at + 2] = turn.lagMicros;
    ring[at + 3] = turn.busyMicros;
    ring[at + 4] = turn.packetsReceived;
    ring[at + 5] = turn.packetsSent;
    ring[at + 6] = turn.tasks;
    ring[at + 7] = turn.timers;
    ring[at + 8] = turn.waitMicros;
  }

  #turn(index: number): LoopTurn {
    const at = (index % this.#capacity) * fields;
    const field = (offset: number) => this.#ring[at + offset] ?? 0;
    return {
      reason: reasons[field(0)] ?? "start",
      startMicros: field(1),
      lagMicros: field(2),
      busyMicros: field(3),
      packetsReceived: field(4),
      packetsSent: field(5),
      tasks: field(6),
      timers: field(7),
      waitMicros: field(8),
    };
  }
}
