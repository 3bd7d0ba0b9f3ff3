/**
 * A TCP or TLS connection to a host, for a WebSocket: the certificate is checked before a byte of the request leaves, and
 * all of the host's addresses are tried, a quarter second apart (Node's own happy eyeballs).
 */
import { isIP, type NetConnectOpts, type Socket, connect as tcpConnect } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { bareHost, formatAddress } from "../address.ts";
import { errnoOf, messageOf, TransportError } from "../errors.ts";
import { certificateFingerprint } from "../tls/certificate.ts";
import { systemRoots, type Trust } from "../tls/trust.ts";

/** Where to. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
  /** TLS, and whom to believe; undefined for plain TCP. */
  readonly trust: Trust | undefined;
  /** Aborting ends the attempt. */
  readonly signal: AbortSignal;
}

/** Time before the next address is tried beside the one under way, ms (RFC 8305 section 5). */
const attemptDelayMs = 250;

/**
 * Opens the connection. Errors: `host-not-found`, `connection-refused`, `unreachable`, `certificate-untrusted`,
 * `handshake-failed`, and the reason of `signal`.
 */
export function dialSocket({ host, port, trust, signal }: DialTarget): Promise<Socket> {
  const name = bareHost(host);
  const where = formatAddress(name, port);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const address: NetConnectOpts = {
      host: name,
      port,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptDelayMs,
    };
    const socket = trust === undefined ? tcpConnect(address) : tlsConnect({ ...address, ...tlsOptions(name, trust) });
    const settle = () => {
      signal.removeEventListener("abort", aborted);
      socket.off("error", failed);
    };
    const fail = (error: unknown) => {
      settle();
      socket.on("error", ignore);
      socket.destroy();
      reject(error);
    };
    const aborted = () => fail(signal.reason);
    const failed = (error: Error) => fail(translated(error, name, where));
    const ready = () => {
      const lack = trust === undefined ? undefined : pinFault(socket as TLSSocket, trust);
      if (lack !== undefined) fail(new TransportError("certificate-untrusted", { where, detail: lack }));
      else {
        settle();
        resolve(socket);
      }
    };
    signal.addEventListener("abort", aborted, { once: true });
    socket.on("error", failed);
    socket.once(trust === undefined ? "connect" : "secureConnect", ready);
  });
}

function tlsOptions(name: string, trust: Trust): ConnectionOptions {
  const options: ConnectionOptions = { ALPNProtocols: ["http/1.1"], ...(isIP(name) ? {} : { servername: name }) };
  if (trust === "none" || (typeof trust === "object" && "sha256" in trust)) {
    return { ...options, rejectUnauthorized: false };
  }
  const ca = trust === "system" ? [...systemRoots()] : trust.roots.map((root) => root as string | Buffer);
  return { ...options, ca };
}

/** Why a pinned server is not the one that was pinned; undefined if it is, or nothing is pinned. */
function pinFault(socket: TLSSocket, trust: Trust): string | undefined {
  if (typeof trust !== "object" || !("sha256" in trust)) return undefined;
  const raw = socket.getPeerCertificate().raw as Buffer | undefined;
  if (raw === undefined) return "it showed no certificate";
  const shown = Buffer.from(certificateFingerprint(raw));
  return trust.sha256.some((pin) => shown.equals(pin)) ? undefined : "its certificate is another than the pinned one";
}

/** Codes of OpenSSL and Node for a certificate that is not believed. */
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO|CRL|ISSUER/;

function translated(error: Error, host: string, where: string): TransportError {
  // Several addresses make an AggregateError; the last attempt's reason stands for all.
  const last = error instanceof AggregateError ? ((error.errors.at(-1) as Error | undefined) ?? error) : error;
  const errno = errnoOf(last) ?? "";
  const cause = { cause: error };
  if (errno === "ECONNREFUSED") return new TransportError("connection-refused", { where }, cause);
  if (errno === "ENOTFOUND" || errno.startsWith("EAI_")) {
    const detail = errno === "ENOTFOUND" ? "the resolver knows no such name" : messageOf(last);
    return new TransportError("host-not-found", { host, detail }, cause);
  }
  if (untrusted.test(errno)) {
    return new TransportError("certificate-untrusted", { where, detail: messageOf(last) }, cause);
  }
  if (errno.startsWith("ERR_SSL") || errno === "ECONNRESET" || errno === "EPROTO") {
    return new TransportError("handshake-failed", { where, detail: messageOf(last) }, cause);
  }
  return new TransportError("unreachable", { where, detail: messageOf(last) || errno }, cause);
}

function ignore(): void {}
