/**
 * The Huffman code of HPACK (RFC 7541, appendix B), which QPACK shares. It is canonical: codes of one length follow each
 * other in the order of their symbols, so the lengths alone say everything.
 */

/** Bits of the code of each byte; the last is EOS. */
const codeBits = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const endOfString = 256;
const longestCode = 30;

interface Canonical {
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array;
  /** By length: the first code, how many there are, and where its symbols begin. */
  readonly firstCode: Uint32Array;
  readonly count: Uint16Array;
  readonly start: Uint16Array;
}

function canonical(): Canonical {
  const symbols = Uint16Array.from(codeBits.keys()).sort((a, b) => codeBits[a]! - codeBits[b]! || a - b);
  const count = new Uint16Array(longestCode + 1);
  for (const bits of codeBits) count[bits] = count[bits]! + 1;
  const firstCode = new Uint32Array(longestCode + 1);
  const start = new Uint16Array(longestCode + 1);
  for (let bits = 1, code = 0, at = 0; bits <= longestCode; bits++) {
    code *= 2;
    firstCode[bits] = code;
    start[bits] = at;
    code += count[bits]!;
    at += count[bits]!;
  }
  return { symbols, firstCode, count, start };
}

const table = canonical();

/**
 * Decodes `bytes[start … end - 1]`. Undefined for what no encoder makes (RFC 7541 section 5.2): EOS inside, padding of more
 * than 7 bits or with zeros, and for more than `limit` bytes of text.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, limit: number): Uint8Array | undefined {
  // The shortest code has 5 bits: a bound known before anything is allocated.
  const decoded = new Uint8Array(Math.min(limit, Math.floor(((end - start) * 8) / 5)));
  let length = 0;
  let code = 0;
  let bits = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      bits++;
      const offset = code - table.firstCode[bits]!;
      if (offset >= table.count[bits]!) {
        if (bits === longestCode) return undefined;
        continue;
      }
      const symbol = table.symbols[table.start[bits]! + offset]!;
      if (symbol === endOfString || length === decoded.length) return undefined;
      decoded[length++] = symbol;
      code = bits = 0;
    }
  }
  const padded = bits < 8 && code === 2 ** bits - 1;
  return padded ? decoded.subarray(0, length) : undefined;
}
