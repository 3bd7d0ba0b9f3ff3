/** Byte strings as people read them, and as maps key them. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A copy of bytes, or the UTF-8 of a string. */
export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value.slice();
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** One character per byte: distinct bytes, distinct string. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** UTF-8 text with `/`, `%`, control characters and stray bytes as `%XX`; safe to print and to parse again. */
export function escapeBytes(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes[i] as number);
    const character = decode(bytes.subarray(i, i + length));
    if (character === undefined || isReserved(character)) {
      const end = character === undefined ? i + 1 : i + length;
      for (; i < end; i++) text += `%${(bytes[i] as number).toString(16).toUpperCase().padStart(2, "0")}`;
    } else {
      text += character;
      i += length;
    }
  }
  return text;
}

/** Undoes `escapeBytes`; undefined where a `%` is not followed by two hex digits. */
export function unescapeText(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; ) {
    if (text[i] === "%") {
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) return undefined;
      bytes.push(Number.parseInt(digits, 16));
      i += 3;
    } else {
      const character = String.fromCodePoint(text.codePointAt(i) as number);
      bytes.push(...encoder.encode(character));
      i += character.length;
    }
  }
  return Uint8Array.from(bytes);
}

function sequenceLength(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes);
    return [...text].length === 1 ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Separators, the escape itself, and what could forge a line of a log (controls, bidi overrides, line separators). */
function isReserved(character: string): boolean {
  return /[/%\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character);
}
