/**
 * Errors of a session. Two kinds that never mix: `SessionError` is made on this side and carries a word to switch on;
 * `RequestRefused` is the peer's answer to one request and carries the number it sent, untranslated. Why a whole session
 * ended is told by `SessionEnd` (see `session.ts`), with the raw code beside the word.
 */

import type { WireInteger } from "@moqingbird/codec";

/** Every local error code with its sentence; words in {braces} are filled in. */
export const sessionErrors = [
  {
    code: "protocol-unknown",
    says: 'The connection agreed on protocol "{protocol}", which is none of ours: {ours}.',
  },
  { code: "no-common-version", says: "No common version: we speak {ours}; {theirs}." },
  { code: "setup-timeout", says: "The peer did not complete SETUP within {ms} ms." },
  { code: "setup-refused", says: "The session was refused during SETUP: {reason}." },
  { code: "peer-violation", says: "The peer broke the protocol: {reason}" },
  { code: "internal-error", says: "This side failed: {reason}" },
  { code: "option-invalid", says: "An option is wrong: {reason}" },
  { code: "request-timeout", says: "The peer did not answer {request} within {ms} ms." },
  {
    code: "request-limit",
    says: "The peer allows no further request: its MAX_REQUEST_ID is {limit} and it did not raise it within {ms} ms.",
  },
  { code: "request-queue-full", says: "{count} requests already wait for the peer's MAX_REQUEST_ID to rise." },
  { code: "going-away", says: "The {side} announced the end of this session (GOAWAY): no new request can start." },
  { code: "session-closed", says: "The session is over: {reason}." },
  { code: "not-supported", says: "{request} is not supported by this side." },
  { code: "namespace-in-use", says: "The namespace {namespace} is already published on this session." },
  { code: "namespace-empty", says: "A namespace to publish or consume has at least one field." },
  {
    code: "prefix-overlap",
    says: "The prefix {prefix} covers {other}, which is already asked for on this session; stop that one first.",
  },
  { code: "broadcast-ended", says: "The broadcast has ended and cannot be published: {reason}" },
  { code: "withdrawn", says: "It was withdrawn here before the peer answered." },
] as const;

/** A code of `sessionErrors`: kebab-case, reads as a fact. */
export type SessionErrorCode = (typeof sessionErrors)[number]["code"];

const sentences = new Map<SessionErrorCode, string>(sessionErrors.map((row) => [row.code, row.says]));

/** An error of this side: the caller's mistake, a limit, a time-out, or the end of the session under a request. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  /** What went wrong, to switch on. */
  readonly code: SessionErrorCode;
  /** For `no-common-version`: what we offered, by name. */
  readonly ours: readonly string[] | undefined;
  /** For `no-common-version`: what the peer offered, where the wire shows it. */
  readonly theirs: readonly string[] | undefined;

  constructor(
    code: SessionErrorCode,
    values: Readonly<Record<string, string | number>> = {},
    detail: { readonly ours?: readonly string[]; readonly theirs?: readonly string[]; readonly cause?: unknown } = {},
  ) {
    const says = sentences.get(code) ?? code;
    super(
      // A value that is a sentence itself (a peer's reason) brings a full stop of its own.
      says.replace(/\{(\w+)\}(\.?)/g, (_, word: string, stop: string) => {
        const value = String(values[word] ?? word);
        return value.endsWith(".") ? value : value + stop;
      }),
      detail.cause === undefined ? undefined : { cause: detail.cause },
    );
    this.code = code;
    this.ours = detail.ours;
    this.theirs = detail.theirs;
  }
}

/** The peer said no to one request. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly code = "request-refused";
  /** What was asked, as the draft calls it: `SUBSCRIBE`, `PUBLISH_NAMESPACE`, `SUBSCRIBE_NAMESPACE`. */
  readonly request: string;
  /** The peer's code, untranslated. */
  readonly wireCode: WireInteger;
  /** The code's name in the negotiated version; undefined when that version does not know it. */
  readonly wireName: string | undefined;
  /** The peer's sentence; may be empty. */
  readonly reason: string;

  constructor(request: string, wireCode: WireInteger, wireName: string | undefined, reason: string) {
    const name = wireName === undefined ? "" : ` (${wireName})`;
    super(`The peer refused ${request} with code 0x${wireCode.toString(16)}${name}${reason ? `: ${reason}` : "."}`);
    this.request = request;
    this.wireCode = wireCode;
    this.wireName = wireName;
    this.reason = reason;
  }
}

/** The peer broke the protocol: closes the session with the draft's code. Stays inside this package. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly sessionCode: number;

  constructor(sessionCode: number, says: string) {
    super(says);
    this.sessionCode = sessionCode;
  }
}
