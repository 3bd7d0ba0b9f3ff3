/** A callback that throws is its owner's bug: it must surface, and must not stop the producer or the other readers. */

/** Throws the error again as an uncaught one, outside the current call. */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Calls a callback, if there is one; what it throws is reported. */
export function call(callback: (() => void) | undefined): void {
  if (callback === undefined) return;
  try {
    callback();
  } catch (error) {
    reportUncaught(error);
  }
}
