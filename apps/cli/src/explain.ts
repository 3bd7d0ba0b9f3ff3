/**
 * From an error of the libraries to the sentence a person reads. The library says what happened; what to do is said here, in
 * terms of this program's flags.
 */
import { ModelError } from "@moqingbird/model";
import { RequestRefused, SessionError, type SessionErrorCode } from "@moqingbird/session";
import { TransportError, type TransportErrorCode } from "@moqingbird/transport";
import { Failure, type FailureKind } from "./failure.ts";

type Advice = readonly [kind: FailureKind, toDo: string];

const transportAdvice: Partial<Record<TransportErrorCode, Advice>> = {
  "connection-refused": ["unreachable", "check host and port, and that a relay runs there"],
  unreachable: ["unreachable", "check the network and the address"],
  "host-not-found": ["unreachable", "check its spelling and the name server"],
  "handshake-timeout": ["unreachable", "check host and port, and that UDP is not blocked on the way"],
  "server-refused": ["unreachable", "it may be full: try again later"],
  "address-in-use": ["address", "stop that program, or give another port with --listen"],
  "address-invalid": ["address", "give an address of this machine, such as 0.0.0.0:4443 or [::]:4443"],
  "certificate-unreadable": ["certificate", "give a PEM certificate chain with --tls-cert, the server's own first"],
  "key-unreadable": ["certificate", "give an unencrypted PEM key with --tls-key"],
  "key-mismatch": ["certificate", "give the key that the certificate was made for"],
  "certificate-untrusted": [
    "certificate",
    "trust its authority with --tls-root FILE, pin it with --tls-fingerprint HEX, or, for a test only, --tls-disable-verify",
  ],
  "no-common-alpn": ["incompatible", "check that a MoQ relay of draft 14 listens there"],
  "webtransport-unsupported": ["incompatible", "check that a WebTransport server listens there; moqt:// is raw QUIC"],
  "session-rejected": ["refused", "check the path and the token in the URL, and see the relay's log"],
  "quic-version-mismatch": ["incompatible", "the server must speak QUIC version 1"],
  "handshake-failed": ["unreachable", "check that a MoQ relay listens there"],
  "peer-gone": ["connection-lost", "check that the relay runs, then start again"],
  "idle-timeout": ["connection-lost", "check that the relay runs and the network holds, then start again"],
  "peer-closed": ["connection-lost", "see the relay's log, then start again"],
  "peer-protocol-error": ["connection-lost", "see the relay's log; one of the two breaks the protocol"],
  "protocol-violation": ["connection-lost", "report it to the makers of the peer"],
  "connection-reset": ["connection-lost", "start again"],
  "connection-lost": ["connection-lost", "check that the relay runs and the network holds, then start again"],
  "option-invalid": ["usage", "see moqb --help"],
  "limit-reached": ["connection-lost", "close other connections of this process"],
};

const sessionAdvice: Partial<Record<SessionErrorCode, Advice>> = {
  "protocol-unknown": ["incompatible", "check that a MoQ relay of draft 14 listens there"],
  "no-common-version": ["incompatible", "one of the two must be upgraded"],
  "setup-timeout": ["unreachable", "check that a MoQ relay listens there"],
  "setup-refused": ["refused", "see the relay's log"],
  "request-timeout": ["refused", "see the relay's log; it may not support this request"],
  "request-limit": ["refused", "use a new connection: this relay takes few requests per session"],
  "going-away": ["connection-lost", "connect again, or to another relay"],
  "not-supported": ["refused", "the peer must speak a draft that has it"],
  "namespace-in-use": ["usage", "publish each path once"],
};

/** The failure behind any thrown value. What is not foreseen is a defect, and says so. */
export function explain(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof TransportError) {
    const [kind, toDo] = transportAdvice[error.code] ?? ["internal", "set MOQB_DEBUG=1 and report what it prints"];
    return new Failure(kind, `${firstSentence(error.message)}; ${toDo}`, { cause: error });
  }
  if (error instanceof SessionError) {
    const [kind, toDo] = sessionAdvice[error.code] ?? ["connection-lost", "see the relay's log, then start again"];
    return new Failure(kind, `${firstSentence(error.message)}; ${toDo}`, { cause: error });
  }
  if (error instanceof RequestRefused) {
    return new Failure("refused", `${firstSentence(error.message)}; see the relay's log`, { cause: error });
  }
  if (error instanceof ModelError && (error.code === "namespace-invalid" || error.code === "name-invalid")) {
    return new Failure("usage", `${firstSentence(error.message)}; write a path such as live/room1`, { cause: error });
  }
  const what = error instanceof Error ? error.message : String(error);
  return new Failure("internal", `${what}; this is a defect: set MOQB_DEBUG=1 and report what it prints`, {
    cause: error,
  });
}

/** "Nothing listens at X: refused. Check this." → "nothing listens at X: refused" */
export function firstSentence(text: string): string {
  const end = text.search(/\.(?:\s+[A-Z]|$)/);
  const sentence = end < 0 ? text : text.slice(0, end);
  return /^[A-Z][a-z ]/.test(sentence) ? sentence.charAt(0).toLowerCase() + sentence.slice(1) : sentence;
}
