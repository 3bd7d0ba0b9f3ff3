/**
 * Why a connection ended, in a sentence: from the engine's CLOSED fields to a `CloseInfo`. The peer's code and words stay
 * as they came.
 */
import { ClosedBy as EngineClosedBy } from "@moqingbird/engine";
import type { ClosedBy, CloseInfo } from "../connection.ts";
import { TransportError } from "../errors.ts";

/** What the sentence needs to know of the connection. */
export interface CloseContext {
  /** What to call the peer. */
  readonly where: string;
  readonly side: "client" | "server";
  /** Application protocols this side offered or takes. */
  readonly alpn: readonly string[];
  readonly established: boolean;
  readonly handshakeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Trust is by fingerprint. */
  readonly pinned: boolean;
  /** The host said "port unreachable" while the connection was up. */
  readonly refusedSends: number;
}

/** The engine's account of the end. */
export interface EngineClose {
  readonly by: number;
  readonly code: bigint;
  readonly reason: string;
}

const whoByNumber: Readonly<Record<number, ClosedBy>> = {
  [EngineClosedBy.LOCAL]: "local",
  [EngineClosedBy.PEER_APPLICATION]: "peer-application",
  [EngineClosedBy.PEER_TRANSPORT]: "peer-transport",
  [EngineClosedBy.TRANSPORT]: "transport",
  [EngineClosedBy.IDLE]: "idle",
  [EngineClosedBy.RESET]: "reset",
  [EngineClosedBy.VERSION]: "version",
  [EngineClosedBy.MEMORY]: "local",
};

/** RFC 9000 section 20.1: the server is not willing to take the connection. */
const connectionRefused = 0x2n;
/** RFC 9000 section 20.1: an application closed before the handshake was over; its own code and words may not be told. */
const applicationError = 0xcn;
/** RFC 9001 section 4.8: CRYPTO_ERROR is 0x100 + the TLS alert (RFC 8446 section 6). */
const cryptoError = 0x100n;
const noApplicationProtocol = 120;
/** bad_certificate … unknown_ca, bad_certificate_status_response, certificate_required. */
const certificateAlerts = new Set([42, 43, 44, 45, 46, 48, 49, 113, 116]);

/** The bare facts: what there is to say of a handshake that nobody here has waited for. */
export function closeFacts({ by: number, code, reason }: EngineClose): CloseInfo {
  const by = whoByNumber[number] ?? "transport";
  return { by, code: by === "idle" ? 0n : code, reason };
}

/** The user's view of a closed connection. */
export function closeInfo(close: EngineClose, context: CloseContext): CloseInfo {
  const facts = closeFacts(close);
  if (close.by === EngineClosedBy.MEMORY) {
    return { ...facts, error: new TransportError("memory-short", { where: context.where }) };
  }
  return facts.by === "local" ? facts : { ...facts, error: closeError(facts.by, close, context) };
}

function closeError(by: ClosedBy, { code, reason }: EngineClose, context: CloseContext): TransportError {
  const { where } = context;
  switch (by) {
    case "peer-application":
      return new TransportError("peer-closed", { where, code: String(code), detail: reason || "it gave no reason" });
    case "idle":
      return context.established
        ? new TransportError("idle-timeout", { where, detail: silence(context) })
        : new TransportError("handshake-timeout", { where, ms: context.handshakeTimeoutMs });
    case "reset":
      return new TransportError("connection-reset", { where });
    case "version":
      return new TransportError("quic-version-mismatch", { where });
    default:
      return quicError(by === "peer-transport", code, reason, context);
  }
}

function quicError(fromPeer: boolean, code: bigint, reason: string, context: CloseContext): TransportError {
  const { where } = context;
  const alert = code >= cryptoError && code < 0x200n ? Number(code - cryptoError) : undefined;
  if (alert === noApplicationProtocol) {
    return new TransportError("no-common-alpn", { where, ours: context.alpn.join(", ") });
  }
  if (!fromPeer && /invalid peer certificate/i.test(reason)) {
    const detail = context.pinned ? "its SHA-256 is not among the pinned ones" : certificateFault(reason);
    return new TransportError("certificate-untrusted", { where, detail });
  }
  if (alert !== undefined && certificateAlerts.has(alert)) {
    return new TransportError("handshake-failed", { where, detail: "it does not trust the certificate of this side" });
  }
  if (fromPeer && code === applicationError) {
    return new TransportError("peer-closed", { where, code: hex(code), detail: "while the handshake was under way" });
  }
  if (fromPeer && code === connectionRefused) {
    return new TransportError("server-refused", { where, detail: reason || "it gave no reason" });
  }
  const detail = reason || "no reason given";
  if (!context.established || alert !== undefined) {
    return new TransportError("handshake-failed", { where, detail: `${detail} (QUIC error ${hex(code)})` });
  }
  return new TransportError(fromPeer ? "peer-protocol-error" : "protocol-violation", {
    where,
    code: hex(code),
    detail,
  });
}

/** rustls names its verdicts in CamelCase, some in words; these are the ones people meet. */
const certificateFaults: readonly (readonly [RegExp, string])[] = [
  [/UnknownIssuer|unknown issuer/i, "no trusted authority signed it"],
  [/NotValidForName|not valid for name/i, "it was made for another host name"],
  [/NotValidYet|not valid yet/i, "it is not valid yet (or the clock of this host is wrong)"],
  [/Expired/i, "it has expired (or the clock of this host is wrong)"],
  [/CaUsedAsEndEntity|CA certificate/i, "it is an authority's certificate, not a server's"],
  [/BadSignature|bad signature/i, "its signature is not that of the trusted authority it names"],
  [/Revoked/i, "it was revoked"],
];

function certificateFault(reason: string): string {
  return certificateFaults.find(([pattern]) => pattern.test(reason))?.[1] ?? (reason || "no reason given");
}

function silence({ idleTimeoutMs, refusedSends }: CloseContext): string {
  const seconds = `${idleTimeoutMs / 1000} s at most`;
  return refusedSends === 0 ? seconds : `${seconds}; its host says that nothing listens there any more`;
}

function hex(code: bigint): string {
  return `0x${code.toString(16)}`;
}
