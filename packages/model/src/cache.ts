/** The cache: one byte budget for all tracks of a process, and retention by age. */

/** Runs `task` after `delayMs`; the returned handle takes it back. */
export type Schedule = (delayMs: number, task: () => void) => { cancel(): void };

export interface CacheOptions {
  /** Bytes that all stored groups together may take, overhead included. Default 64 MiB. */
  readonly capacityBytes?: number | undefined;
  /** Longest time a finished group that is not its track's newest stays readable, in milliseconds. Default 5000. Memory grows with it times bitrate. */
  readonly retentionMs?: number | undefined;
  /** Monotonic clock, in milliseconds. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
  /** Timer on that clock. Default `setTimeout`, which does not keep a Node process alive. */
  readonly schedule?: Schedule | undefined;
}

export declare class Cache {
  constructor(options?: CacheOptions);
  readonly capacityBytes: number;
  readonly retentionMs: number;
  /** Bytes charged now; never above `capacityBytes`. */
  get usedBytes(): number;
  /** Groups dropped because of the budget, since the start. */
  get evictedGroups(): number;
  /** Groups dropped because of their age, since the start. */
  get expiredGroups(): number;
}
