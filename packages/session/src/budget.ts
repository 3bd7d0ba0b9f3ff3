/**
 * What the sessions of a process share, beside the cache: one bound for the bytes they hold on behalf of their peers (names,
 * requests, open streams, messages cut in half, bytes that wait), and one pace for the work peers cause by control messages.
 * Limits per session alone do not bound a relay of a thousand sessions.
 */

export interface BudgetOptions {
  /** Bytes that all sessions together may hold above what each may anyway. Default 24 MiB. */
  readonly capacityBytes?: number | undefined;
  /** Control messages of all peers together, counted as in `SessionLimits.controlBytesPerSecond`. Default 1 MiB per second. */
  readonly controlBytesPerSecond?: number | undefined;
}

/** Bytes each session may hold whatever the others do: a few tracks with their streams. */
const reserveBytes = 32 * 1024;

/** Control messages that may be read at once after a quiet time, counted like the pace. */
const paceDepthMs = 50;

/** Shared by the sessions of a process; see `SessionOptions.budget`. */
export class Budget {
  /** Charges are estimates above the real size, so that they bound memory. */
  readonly capacityBytes: number;
  readonly controlBytesPerSecond: number;
  /** Bytes held now, above each session's reserve. */
  usedBytes = 0;
  #paceAt = 0;
  #paceLeft = 0;

  constructor(options: BudgetOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? 24 * 1024 * 1024;
    this.controlBytesPerSecond = options.controlBytesPerSecond ?? 1024 * 1024;
  }

  /** An account of its own for one session. */
  open(): Account {
    return new Account(this);
  }

  /** As many of the wanted bytes of control messages as the common pace allows now. */
  grantControl(wantedBytes: number, nowMs: number): number {
    const depth = (this.controlBytesPerSecond * paceDepthMs) / 1000;
    const earned = ((nowMs - this.#paceAt) * this.controlBytesPerSecond) / 1000;
    const left = Math.min(depth, this.#paceLeft + earned);
    const granted = Math.min(wantedBytes, left);
    this.#paceAt = nowMs;
    this.#paceLeft = left - granted;
    return granted;
  }
}

/** What one session holds. */
export class Account {
  readonly budget: Budget;
  #heldBytes = 0;
  #closed = false;

  constructor(budget: Budget) {
    this.budget = budget;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Charges; false, and nothing charged, when there is no room. Above its reserve a session may hold as much as is still
   * free, so that one greedy peer gets half of all.
   */
  take(bytes: number): boolean {
    const { budget } = this;
    const shared = sharedPart(this.#heldBytes + bytes);
    const used = budget.usedBytes + shared - sharedPart(this.#heldBytes);
    if (this.#closed || (shared > 0 && shared > budget.capacityBytes - used)) return false;
    this.#move(bytes);
    return true;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    if (!this.#closed) this.#move(-bytes);
  }

  /** The session is over: everything is given back. */
  close(): void {
    this.give(this.#heldBytes);
    this.#closed = true;
  }

  #move(bytes: number): void {
    this.budget.usedBytes += sharedPart(this.#heldBytes + bytes) - sharedPart(this.#heldBytes);
    this.#heldBytes += bytes;
  }
}

function sharedPart(heldBytes: number): number {
  return Math.max(0, heldBytes - reserveBytes);
}

/** Charged for what has no size of its own: measured, with the slack V8 leaves between live data and its heap. */
export const charges = {
  /** A data stream of the peer's: sink, decoder and the transport's stream. */
  stream: 4096,
  /** A namespace the peer announced, or a track or prefix it asked for, beside the name. */
  request: 4096,
  /** A namespace announced to the peer. */
  publication: 4096,
  /** A chunk of bytes that waits. */
  chunk: 256,
} as const;

/** Charged for a name: the bytes, a key and a text for people, each field an array. */
export function nameCharge(...fields: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const field of fields) bytes += 256 + 4 * field.length;
  return bytes;
}
