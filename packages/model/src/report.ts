/** A callback that throws is its owner's bug: it must surface, and must not stop the producer or the other readers. */

/** Throws the error again as an uncaught one, outside the current call. */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
