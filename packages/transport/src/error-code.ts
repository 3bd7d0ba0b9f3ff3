/** 62-bit application error codes (RFC 9000 section 20.2) in two words, as they cross into the engine. */
import { TransportError } from "./errors.ts";

/** An application error code: 0 to 2^62 - 1. */
export type ErrorCode = number | bigint;

/** Largest error code there is: 2^62 - 1. */
export const maxErrorCode: bigint = (1n << 62n) - 1n;

/** Upper 30 bits. Throws `option-invalid` when the code is none. */
export function highWord(code: ErrorCode): number {
  if (typeof code === "number") {
    if (!Number.isSafeInteger(code) || code < 0) throw invalid(code);
    return Math.floor(code / 0x1_0000_0000);
  }
  if (code < 0n || code > maxErrorCode) throw invalid(code);
  return Number(code >> 32n);
}

/** Lower 32 bits. */
export function lowWord(code: ErrorCode): number {
  return typeof code === "number" ? code % 0x1_0000_0000 : Number(code & 0xffff_ffffn);
}

/** The code of two words. */
export function codeOf(high: number, low: number): bigint {
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
}

function invalid(code: ErrorCode): TransportError {
  return new TransportError("option-invalid", {
    option: "code",
    detail: `${code} is not a whole number from 0 to 2^62 - 1`,
  });
}
