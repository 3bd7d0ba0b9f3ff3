/**
 * Errors of the engine: the caller's mistakes and unusable input. What a peer does wrong is never an EngineError, it
 * arrives as a CLOSED event.
 */

/** Every EngineError code with the sentence it carries by default. `status` is the negative number the wasm returns. */
export const engineErrors = [
  { status: -1, code: "stale-handle", says: "The handle names something that is already gone." },
  { status: -2, code: "certificate-invalid", says: "The certificate chain cannot be read as PEM or DER X.509." },
  { status: -3, code: "key-invalid", says: "The private key cannot be read as PEM or DER PKCS#8, SEC1 or PKCS#1." },
  { status: -4, code: "key-mismatch", says: "The private key does not belong to the certificate." },
  { status: -5, code: "option-invalid", says: "An option is out of its range." },
  { status: -6, code: "limit-reached", says: "A table of the engine is full." },
  { status: -7, code: "address-invalid", says: "The address or port cannot be a peer's." },
  { status: -8, code: "server-name-invalid", says: "The server name is neither a DNS name nor an IP address." },
  { status: -9, code: "reentrant", says: "The engine was called from inside prepare, which may only write bytes." },
  { status: -10, code: "crashed", says: "The engine instance trapped; all of its connections are gone." },
  { status: -11, code: "not-built", says: "The WebAssembly module is missing: build it, or call Engine from Node." },
  { status: -12, code: "slot-misused", says: "A TX slot was used after its release." },
] as const;

/** One of the codes of {@link engineErrors}. */
export type EngineErrorCode = (typeof engineErrors)[number]["code"];

/** A call the engine refused, or an engine that is no more (`crashed`). */
export class EngineError extends Error {
  /** Kebab-case fact a caller can switch on. */
  readonly code: EngineErrorCode;

  constructor(code: EngineErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? engineErrors.find((row) => row.code === code)?.says ?? code, options);
    this.name = "EngineError";
    this.code = code;
  }

  /** The error for a negative status of a set-up call. */
  static fromStatus(status: number, detail?: string): EngineError {
    const row = engineErrors.find((candidate) => candidate.status === status);
    return new EngineError(row?.code ?? "option-invalid", detail || row?.says);
  }
}
