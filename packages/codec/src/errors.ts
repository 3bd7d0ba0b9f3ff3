/**
 * What can be wrong with bytes, or with a message that is to become bytes. One table: the code a program can switch on, who is
 * to blame, the session error the draft wants for it (draft 14, section 3.4), and the sentence.
 */

/** "malformed": the peer broke the draft. "limit": the peer stays within the draft but beyond a limit of ours. "caller": the program asked for something that has no encoding. */
export type CodecErrorKind = "malformed" | "limit" | "caller";

const INTERNAL_ERROR = 0x1;
const PROTOCOL_VIOLATION = 0x3;
const KEY_VALUE_FORMATTING_ERROR = 0x6;
const INVALID_PATH = 0x8;
const MALFORMED_PATH = 0x9;
const MALFORMED_AUTHORITY = 0x1a;

/** All codec errors. `closes` is the session termination code to close with. */
export const codecErrors = [
  {
    code: "message-type-unknown",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The control message type is not one of this version.",
  },
  {
    code: "message-truncated",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The message's fields need more bytes than its length gives them.",
  },
  {
    code: "message-overlong",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The message's length covers more bytes than its fields use.",
  },
  {
    code: "control-stream-truncated",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The control stream ended inside a message.",
  },
  {
    code: "stream-type-unknown",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The stream type is not one of this version.",
  },
  {
    code: "stream-truncated",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The data stream ended inside a header or an object.",
  },
  {
    code: "datagram-type-unknown",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The datagram type is not one of this version.",
  },
  {
    code: "datagram-truncated",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The datagram is shorter than its header.",
  },
  {
    code: "datagram-overlong",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "A datagram that carries a status has bytes after it.",
  },
  {
    code: "value-undefined",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The field holds a value the draft does not define.",
  },
  {
    code: "namespace-field-count",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "A track namespace has 1 to 32 fields.",
  },
  {
    code: "full-track-name-too-long",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "A track namespace and a track name have at most 4096 bytes together.",
  },
  {
    code: "reason-too-long",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "A reason phrase has at most 1024 bytes.",
  },
  {
    code: "uri-too-long",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "A new session URI has at most 8192 bytes.",
  },
  {
    code: "pair-value-too-long",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "The value of a key-value pair has at most 65535 bytes.",
  },
  {
    code: "parameter-repeated",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "This parameter may appear once in a message.",
  },
  {
    code: "pair-malformed",
    kind: "malformed",
    closes: KEY_VALUE_FORMATTING_ERROR,
    says: "A key-value pair does not have the form its type asks for.",
  },
  {
    code: "path-malformed",
    kind: "malformed",
    closes: MALFORMED_PATH,
    says: "PATH is to be the path and query of a URI, beginning with a slash.",
  },
  {
    code: "path-from-server",
    kind: "malformed",
    closes: INVALID_PATH,
    says: "PATH is for clients; a server may not send it.",
  },
  {
    code: "authority-malformed",
    kind: "malformed",
    closes: MALFORMED_AUTHORITY,
    says: "AUTHORITY is to be the authority of a URI: a host, with a port if it has one.",
  },
  {
    code: "extensions-empty",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "A datagram whose type announces extensions has none.",
  },
  {
    code: "extensions-on-missing-object",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "An object that does not exist has extensions.",
  },
  {
    code: "object-after-end",
    kind: "malformed",
    closes: PROTOCOL_VIOLATION,
    says: "An object follows the end of its group or track on the same stream.",
  },
  {
    code: "varint-too-large",
    kind: "limit",
    closes: INTERNAL_ERROR,
    says: "The identifier or length is above 2^53-1, the largest this implementation handles.",
  },
  {
    code: "too-many-versions",
    kind: "limit",
    closes: INTERNAL_ERROR,
    says: "The setup offers more versions than the limit.",
  },
  {
    code: "too-many-parameters",
    kind: "limit",
    closes: INTERNAL_ERROR,
    says: "The message has more parameters than the limit.",
  },
  {
    code: "extensions-too-long",
    kind: "limit",
    closes: INTERNAL_ERROR,
    says: "The object has more bytes of extensions than the limit.",
  },
  {
    code: "value-invalid",
    kind: "caller",
    closes: INTERNAL_ERROR,
    says: "The value given cannot be encoded in this field.",
  },
  {
    code: "message-too-large",
    kind: "caller",
    closes: INTERNAL_ERROR,
    says: "The message is larger than the 65535 bytes its length field can say.",
  },
  {
    code: "writer-full",
    kind: "caller",
    closes: INTERNAL_ERROR,
    says: "The writer holds as many bytes as it may.",
  },
  {
    code: "message-not-in-version",
    kind: "caller",
    closes: INTERNAL_ERROR,
    says: "This version has no encoding for the message.",
  },
] as const satisfies readonly {
  readonly code: string;
  readonly kind: CodecErrorKind;
  readonly closes: number;
  readonly says: string;
}[];

/** A code of `codecErrors`. */
export type CodecErrorCode = (typeof codecErrors)[number]["code"];

const rows = new Map(codecErrors.map((row) => [row.code, row]));

/** Thrown by every decoder and encoder of this package, and nothing else is. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  readonly code: CodecErrorCode;
  readonly kind: CodecErrorKind;
  /** The field that was being read or written, as the draft's figure calls it. */
  readonly field: string;
  /**
   * Where the field begins, in bytes: of a control message from its first byte, of a datagram from its first byte, of a data
   * stream from the stream's first byte. Undefined for the caller's mistakes, which have no bytes.
   */
  readonly offset: number | undefined;
  /** The session termination code to close with when a peer's bytes caused this. */
  readonly sessionCode: number;

  constructor(code: CodecErrorCode, field: string, offset?: number, detail?: string) {
    const row = rows.get(code)!;
    const where = offset === undefined ? "" : ` at byte ${offset}`;
    super(`${field}${where}: ${row.says}${detail === undefined ? "" : ` ${detail}`}`);
    this.code = code;
    this.kind = row.kind;
    this.field = field;
    this.offset = offset;
    this.sessionCode = row.closes;
  }
}
