/** Paces a byte stream to a bit rate, so that a file behaves like a live source. */

/** How far a stalled source may catch up, in milliseconds. Beyond it the schedule moves instead of bursting. */
const burstMs = 100;
/** Chunks are cut to this many milliseconds' worth, so that the pace is smooth. */
const sliceMs = 5;
/** Sleeping shorter than this is not worth a timer. */
const shortestSleepMs = 1;

export interface PaceClock {
  /** Milliseconds, monotonic. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Yields the bytes of `source`, none earlier than `bitsPerSecond` allows. */
export async function* paced(
  source: AsyncIterable<Uint8Array>,
  bitsPerSecond: number,
  clock: PaceClock,
): AsyncGenerator<Uint8Array> {
  const bytesPerMs = bitsPerSecond / 8000;
  const sliceBytes = Math.max(1, Math.floor(bytesPerMs * sliceMs));
  let due = clock.now();
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      const slice = chunk.subarray(at, at + sliceBytes);
      due = Math.max(due, clock.now() - burstMs);
      const wait = due - clock.now();
      if (wait >= shortestSleepMs) await clock.sleep(wait);
      due += slice.length / bytesPerMs;
      yield slice;
    }
  }
}
