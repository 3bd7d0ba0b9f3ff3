/**
 * Errors of the transport: one table of codes and sentences, and the class that carries them. A sentence says what
 * happened, where, and what to do; words in {braces} are filled in. What the peer sent stays raw in `CloseInfo`.
 */

/** Every TransportError code with its sentence. */
export const transportErrors = [
  {
    code: "connection-refused",
    says: "Nothing listens at {where}: the host refused the packets. Check host and port, and that the server runs.",
  },
  {
    code: "unreachable",
    says: "{where} cannot be reached: {detail}. Check the network and the address.",
  },
  {
    code: "host-not-found",
    says: "The host name {host} has no address ({detail}). Check its spelling and the name server.",
  },
  {
    code: "address-in-use",
    says: "Another program already listens at {where}. Stop it or choose another port.",
  },
  {
    code: "address-invalid",
    says: "Cannot use the address {where}: {detail}.",
  },
  {
    code: "certificate-unreadable",
    says: "Cannot read a certificate chain from {where}: {detail}. It must be PEM or DER X.509, the leaf first.",
  },
  {
    code: "key-unreadable",
    says: "Cannot read a private key from {where}: {detail}. It must be PEM or DER, PKCS#8, SEC1 or PKCS#1, unencrypted.",
  },
  {
    code: "key-mismatch",
    says: "The private key ({key}) does not belong to the certificate ({chain}). Give the key that the certificate was made for.",
  },
  {
    code: "certificate-untrusted",
    says: "The certificate of {where} is not trusted: {detail}. Give its authority as a root, or pin its SHA-256.",
  },
  {
    code: "no-common-alpn",
    says: "{where} and this side share no application protocol (offered here: {ours}). Check that it speaks one of them.",
  },
  {
    code: "handshake-timeout",
    says: "No QUIC answer from {where} within {ms} ms. Check host and port, and that UDP is not blocked on the way.",
  },
  {
    code: "handshake-failed",
    says: "The TLS handshake with {where} failed: {detail}.",
  },
  {
    code: "quic-version-mismatch",
    says: "{where} speaks no QUIC version of ours (version 1).",
  },
  {
    code: "server-refused",
    says: "{where} refuses new connections: {detail}. It may be full; try again later.",
  },
  {
    code: "idle-timeout",
    says: "{where} fell silent: nothing was heard for the idle time-out of the connection ({detail}).",
  },
  {
    code: "peer-gone",
    says: "Nothing listens at {where} any more: its host refuses our packets, and nothing was heard for {detail}. The program there ended, or runs anew and has forgotten us.",
  },
  {
    code: "peer-closed",
    says: "{where} closed the connection with code {code}: {detail}.",
  },
  {
    code: "peer-protocol-error",
    says: "{where} ended the connection for a QUIC error {code}: {detail}.",
  },
  {
    code: "protocol-violation",
    says: "{where} broke the QUIC protocol, so the connection was closed with error {code}: {detail}.",
  },
  {
    code: "connection-reset",
    says: "{where} has forgotten the connection (stateless reset). It was probably restarted.",
  },
  {
    code: "connection-lost",
    says: "The WebSocket to {where} broke without a close: {detail}.",
  },
  {
    code: "http-violation",
    says: "{where} broke the rules of HTTP/3 ({code}), so the connection was closed: {detail}.",
  },
  {
    code: "webtransport-unsupported",
    says: "{where} speaks HTTP/3, but no WebTransport that we know: {detail}.",
  },
  {
    code: "session-rejected",
    says: "{where} refused the session with HTTP status {status}: {detail}.",
  },
  {
    code: "handler-failed",
    says: "A callback of this program threw while serving {where}, so its connection was closed: {detail}.",
  },
  {
    code: "engine-crashed",
    says: "The QUIC engine of this thread crashed and all its connections are gone: {detail}. Connect again; listeners go on.",
  },
  {
    code: "closed",
    says: "The {what} is closed already.",
  },
  {
    code: "early-data-rejected",
    says: "What was said to {where} before the handshake was not taken: {detail}. Open the stream again on the connection that connect gives.",
  },
  {
    code: "queue-full",
    says: "The writer already holds {bytes} bytes of at most {limit}. Wait for drained() when write() returns false.",
  },
  {
    code: "stream-reset",
    says: "The peer abandoned the stream with code {code}.",
  },
  {
    code: "stream-stopped",
    says: "The peer wants no more bytes of the stream (code {code}).",
  },
  {
    code: "option-invalid",
    says: "The option {option} is unusable: {detail}.",
  },
  {
    code: "memory-short",
    says: "The connection with {where} was closed to keep this side's memory bounded: it held most of it, or was silent longest.",
  },
  {
    code: "limit-reached",
    says: "No room for another {what} in the engine of this thread: {detail}.",
  },
] as const;

/** One of the codes of {@link transportErrors}. */
export type TransportErrorCode = (typeof transportErrors)[number]["code"];

/** A local failure, or the local view of why a connection ended. Switch on `code`; show `message`. */
export class TransportError extends Error {
  /** Kebab-case fact a caller can switch on. */
  readonly code: TransportErrorCode;

  /** @param values What stands for the words in braces of the code's sentence. */
  constructor(
    code: TransportErrorCode,
    values: Readonly<Record<string, string | number>> = {},
    options?: ErrorOptions,
  ) {
    super(sentence(code, values), options);
    this.name = "TransportError";
    this.code = code;
  }
}

/** A server answered the request for a session with something else than success. */
export class SessionRejectedError extends TransportError {
  /** HTTP status, 300 to 599; a redirect (3xx) is not followed. */
  readonly status: number;
  /** Header fields of the answer. */
  readonly headers: Headers;

  constructor(where: string, status: number, headers: Headers) {
    super("session-rejected", { where, status, detail: statusMeaning(status) });
    this.status = status;
    this.headers = headers;
  }
}

function statusMeaning(status: number): string {
  if (status < 400) return "it points elsewhere, and redirects are not followed";
  if (status === 401 || status === 403) return "the path, the token or the origin is not allowed";
  if (status === 404) return "it has nothing at this path";
  if (status === 405 || status === 501) return "it takes no sessions at this path";
  if (status === 429 || status === 503) return "it is busy; try again later";
  return status < 500 ? "something about the request is wrong" : "it failed for a reason of its own";
}

function sentence(code: TransportErrorCode, values: Readonly<Record<string, string | number>>): string {
  const row = transportErrors.find((candidate) => candidate.code === code);
  // A value that is a sentence itself (a peer's reason) brings a full stop of its own.
  return (row?.says ?? code).replace(/\{(\w+)\}(\.?)/g, (_, word: string, stop: string) => {
    const value = String(values[word] ?? `(no ${word})`);
    return value.endsWith(".") ? value : value + stop;
  });
}

/** What an unknown thrown value says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno name of a Node system error, such as "EADDRINUSE"; undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
