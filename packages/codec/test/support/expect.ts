/** Assertions about errors. */
import { CodecError, type CodecErrorCode } from "@moqingbird/codec";
import { expect } from "vitest";

/** The CodecError that a call throws. Anything else it throws, and returning, fails the test. */
export function codecErrorOf(call: () => unknown): CodecError {
  try {
    call();
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
  throw new Error("the call was expected to throw a CodecError");
}

/** Expects a CodecError by code, and by field and offset where given. */
export function expectCodecError(call: () => unknown, code: CodecErrorCode, field?: string, offset?: number): void {
  const error = codecErrorOf(call);
  expect(error.code, error.message).toBe(code);
  if (field !== undefined) expect(error.field).toBe(field);
  if (offset !== undefined) expect(error.offset).toBe(offset);
}
