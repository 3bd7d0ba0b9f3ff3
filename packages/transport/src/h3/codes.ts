/**
 * Error codes of HTTP/3 and what stands on it, as one table, and the error that carries them. A decoder that meets wrong
 * input throws `Http3Error`; whoever owns the stream or connection ends it with `wireCode`.
 */
import { highWord } from "../error-code.ts";

/** Codes of RFC 9114 section 8.1, RFC 9204 section 8.3, RFC 9297 section 5.2 and draft-ietf-webtrans-http3-16 section 9.5. */
export const http3Errors = [
  { wireCode: 0x33, name: "H3_DATAGRAM_ERROR", says: "an HTTP datagram or a capsule is malformed" },
  { wireCode: 0x100, name: "H3_NO_ERROR", says: "nothing is wrong" },
  { wireCode: 0x101, name: "H3_GENERAL_PROTOCOL_ERROR", says: "the HTTP/3 protocol was violated" },
  { wireCode: 0x102, name: "H3_INTERNAL_ERROR", says: "the HTTP/3 side failed for a reason of its own" },
  { wireCode: 0x103, name: "H3_STREAM_CREATION_ERROR", says: "a stream was opened that may not be" },
  { wireCode: 0x104, name: "H3_CLOSED_CRITICAL_STREAM", says: "a stream that must stay open was closed" },
  { wireCode: 0x105, name: "H3_FRAME_UNEXPECTED", says: "a frame came where it may not" },
  { wireCode: 0x106, name: "H3_FRAME_ERROR", says: "a frame is malformed" },
  { wireCode: 0x107, name: "H3_EXCESSIVE_LOAD", says: "the peer asks for too much" },
  { wireCode: 0x108, name: "H3_ID_ERROR", says: "an id was used wrongly" },
  { wireCode: 0x109, name: "H3_SETTINGS_ERROR", says: "a SETTINGS frame is wrong" },
  { wireCode: 0x10a, name: "H3_MISSING_SETTINGS", says: "the control stream does not begin with SETTINGS" },
  { wireCode: 0x10b, name: "H3_REQUEST_REJECTED", says: "the request was not looked at" },
  { wireCode: 0x10c, name: "H3_REQUEST_CANCELLED", says: "the request was cancelled" },
  { wireCode: 0x10d, name: "H3_REQUEST_INCOMPLETE", says: "the stream ended before the request did" },
  { wireCode: 0x10e, name: "H3_MESSAGE_ERROR", says: "an HTTP message is malformed" },
  { wireCode: 0x110, name: "H3_VERSION_FALLBACK", says: "the request must be made over HTTP/1.1" },
  { wireCode: 0x200, name: "QPACK_DECOMPRESSION_FAILED", says: "a header block cannot be decoded" },
  { wireCode: 0x201, name: "QPACK_ENCODER_STREAM_ERROR", says: "an instruction of the QPACK encoder is wrong" },
  { wireCode: 0x202, name: "QPACK_DECODER_STREAM_ERROR", says: "an instruction of the QPACK decoder is wrong" },
  { wireCode: 0x045d_4487, name: "WT_FLOW_CONTROL_ERROR", says: "a WebTransport flow control limit was broken" },
  { wireCode: 0x0817_b3dd, name: "WT_ALPN_ERROR", says: "no application protocol was agreed on" },
  { wireCode: 0x170d_7b68, name: "WT_SESSION_GONE", says: "the WebTransport session is over" },
  { wireCode: 0x212c_0d48, name: "WT_REQUIREMENTS_NOT_MET", says: "the peer lacks what WebTransport needs" },
  { wireCode: 0x3994_bd84, name: "WT_BUFFERED_STREAM_REJECTED", says: "a stream belongs to no known session" },
] as const;

/** One of the names in {@link http3Errors}. */
export type Http3ErrorName = (typeof http3Errors)[number]["name"];

const codeByName = new Map<string, number>(http3Errors.map(({ name, wireCode }) => [name, wireCode]));

/** The number a name goes by on the wire. */
export function http3Code(name: Http3ErrorName): number {
  return codeByName.get(name) as number;
}

/** "H3_FRAME_ERROR (0x106)" of a known code, "0x1f00" of another. */
export function nameOfCode(code: bigint): string {
  const row = http3Errors.find(({ wireCode }) => BigInt(wireCode) === code);
  const hex = `0x${code.toString(16)}`;
  return row === undefined ? hex : `${row.name} (${hex}: ${row.says})`;
}

/** What an error ends: the whole connection, or the one stream it was met on. */
export type Http3ErrorScope = "connection" | "stream";

/** The peer broke a rule of HTTP/3, QPACK or WebTransport. */
export class Http3Error extends Error {
  readonly code: Http3ErrorName;
  readonly scope: Http3ErrorScope;

  constructor(code: Http3ErrorName, detail: string, scope: Http3ErrorScope = "connection") {
    super(detail);
    this.name = "Http3Error";
    this.code = code;
    this.scope = scope;
  }

  get wireCode(): number {
    return http3Code(this.code);
  }
}

/** Application codes 0 to 2^32 - 1 in the range that HTTP/3 reserves for WebTransport (draft-ietf-webtrans-http3-16 section 4.4). */
const firstApplicationCode = 0x52e4_a40f_a8db;
const lastApplicationCode = 0x52e5_ac98_3162;
/** Every 31st code of HTTP/3 is GREASE and is left out. */
const greaseStride = 0x1f;

/** Largest application error code of a WebTransport stream. */
export const maxApplicationCode = 0xffff_ffff;

/** The code on the wire for an application code; those above 2^32 - 1 are lowered to it. Throws `option-invalid`. */
export function toWireCode(code: number | bigint): number {
  highWord(code); // throws for what is no code
  const clamped = code > maxApplicationCode ? maxApplicationCode : Number(code);
  return firstApplicationCode + clamped + Math.floor(clamped / (greaseStride - 1));
}

/** The application code behind a code on the wire; undefined for codes that are none (HTTP/3's own, GREASE). */
export function fromWireCode(code: bigint): number | undefined {
  if (code < firstApplicationCode || code > lastApplicationCode) return undefined;
  const wire = Number(code);
  if ((wire - 0x21) % greaseStride === 0) return undefined;
  const shifted = wire - firstApplicationCode;
  return shifted - Math.floor(shifted / greaseStride);
}

/**
 * The code on the wire for one that was shown: whoever answers a peer's code with the same code sends back what came, be it an
 * application's or HTTP/3's own.
 */
export function unshownCode(code: number | bigint): number | bigint {
  return typeof code === "bigint" && code >= foreignCode ? code - foreignCode : toWireCode(code);
}

/** Added to codes that are HTTP/3's own when they are shown where application codes are: no application code reaches it. */
export const foreignCode: bigint = 1n << 62n;

/** What a byte-oriented stream of a session is told for a code on the wire: the application's, or HTTP/3's plus `foreignCode`. */
export function shownCode(wire: bigint): bigint {
  const code = fromWireCode(wire);
  return code === undefined ? wire + foreignCode : BigInt(code);
}
