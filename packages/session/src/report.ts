/** A callback that throws is its owner's bug: it must surface, and must not end the session. */

/** Calls back, if there is anybody to call; what is thrown comes out as an uncaught error, outside the current call. */
export function call<Arguments extends unknown[]>(
  callback: ((...values: Arguments) => void) | undefined,
  ...values: Arguments
): void {
  if (callback === undefined) return;
  try {
    callback(...values);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
