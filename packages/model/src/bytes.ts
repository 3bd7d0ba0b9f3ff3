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

/** Arguments of one call; a longer string is put together from such pieces, never from single characters. */
const pieceBytes = 4096;

/** One character per byte: distinct bytes, distinct string. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // Not a spread, which walks an iterator: seven times slower.
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + pieceBytes) as unknown as number[]);
  }
  return text;
}

/**
 * UTF-8 text with `/`, `%`, control characters and stray bytes as `%XX`; safe to print and to parse again. One pass and one
 * string: peers choose the names that are logged.
 */
export function escapeBytes(bytes: Uint8Array): string {
  const escaped = new Uint8Array(3 * bytes.length);
  let length = 0;
  let isAscii = true;
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i] as number;
    const count = isReservedAscii(byte) ? 0 : sequenceLength(bytes, i);
    if (count === 0) {
      escaped[length++] = percentSign;
      escaped[length++] = hexDigits[byte >> 4] as number;
      escaped[length++] = hexDigits[byte & 15] as number;
      i++;
    } else {
      if (count > 1) isAscii = false;
      for (const end = i + count; i < end; i++) escaped[length++] = bytes[i] as number;
    }
  }
  const text = decoder.decode(escaped.subarray(0, length));
  return isAscii
    ? text
    : text.replace(reserved, (character) => Array.from(encoder.encode(character), percent).join(""));
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

/** Bytes of the UTF-8 sequence at an index (RFC 3629 section 4); 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  const second = bytes[at + 1] as number;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = at + 2; i < at + length; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) return 0;
  return length;
}

const percentSign = 0x25;
const hexDigits = encoder.encode("0123456789ABCDEF");

/** Separator, the escape itself, controls. */
function isReservedAscii(byte: number): boolean {
  return byte < 0x20 || byte === percentSign || byte === 0x2f || byte === 0x7f;
}

/** What else could forge a line of a log: controls, bidi overrides, line separators. */
const reserved = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
