/** Copies of ranges and text. Here because Node's Buffer overrides `slice` with a view, so that `bytes.slice()` may not copy. */

const empty = new Uint8Array(0);
const encoder = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** The range as memory of its own; one shared array for an empty range. */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return empty;
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** Text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text for people: what is not UTF-8 becomes U+FFFD. */
export function readableText(bytes: Uint8Array): string {
  return lenient.decode(bytes);
}

/** Text that means something to a program: undefined when it is not UTF-8. */
export function exactText(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
