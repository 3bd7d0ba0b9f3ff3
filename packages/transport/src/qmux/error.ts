/** What a peer may do wrong, by the error codes of QUIC (RFC 9000 section 20.1) that QMux uses. */

/** Transport error codes, with what each means here. */
export const qmuxErrors = [
  { code: 0x0, name: "NO_ERROR", says: "The connection ends without an error." },
  {
    code: 0x1,
    name: "INTERNAL_ERROR",
    says: "An endpoint failed for a reason of its own, or more was asked than it does.",
  },
  { code: 0x3, name: "FLOW_CONTROL_ERROR", says: "More bytes came than were allowed." },
  { code: 0x4, name: "STREAM_LIMIT_ERROR", says: "More streams were opened than were allowed." },
  { code: 0x5, name: "STREAM_STATE_ERROR", says: "A frame came for a stream that cannot have it." },
  { code: 0x6, name: "FINAL_SIZE_ERROR", says: "A stream went on behind its end, or has two." },
  { code: 0x7, name: "FRAME_ENCODING_ERROR", says: "A frame is malformed, too large, or of a type that is not taken." },
  { code: 0x8, name: "TRANSPORT_PARAMETER_ERROR", says: "The transport parameters are malformed or not allowed." },
  { code: 0xa, name: "PROTOCOL_VIOLATION", says: "A rule of the protocol was broken that has no code of its own." },
] as const;

/** One of the names of {@link qmuxErrors}. */
export type QmuxErrorName = (typeof qmuxErrors)[number]["name"];

/** The peer broke a rule; the connection ends with this code. */
export class QmuxError extends Error {
  readonly errorName: QmuxErrorName;
  /** As it goes into CONNECTION_CLOSE. */
  readonly code: number;
  /** The frame that was at fault; 0 if none was. */
  readonly frameType: number;

  constructor(errorName: QmuxErrorName, message: string, frameType = 0) {
    super(message);
    this.name = "QmuxError";
    this.errorName = errorName;
    this.code = qmuxErrors.find(({ name }) => name === errorName)?.code ?? 0x1;
    this.frameType = frameType;
  }
}

/** "PROTOCOL_VIOLATION", or the code in hex where it has no name. */
export function nameOfQmuxCode(code: bigint): string {
  return qmuxErrors.find((row) => BigInt(row.code) === code)?.name ?? `0x${code.toString(16)}`;
}
