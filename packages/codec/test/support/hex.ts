/** Bytes as people write them: hex digits, with spaces where the meaning changes. */

export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  if (!/^(?:[0-9a-f]{2})*$/.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** ASCII and UTF-8 text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Rows of [hex, field] as one array of bytes; the field's name is for the reader. */
export type Annotated = readonly (readonly [bytes: string, field: string])[];

export function annotated(rows: Annotated): Uint8Array {
  return hex(rows.map(([bytes]) => bytes).join(""));
}
