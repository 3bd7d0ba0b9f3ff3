/** Options of `new WebTransport(url, options)`, checked and turned into what the layers below take. */
import { TransportError } from "../errors.ts";
import type { FieldLine } from "../h3/field-line.ts";
import { isField } from "../h3/message.ts";
import { isProtocolName } from "../h3/protocols.ts";
import type { ObservingOptions } from "../quic/observing.ts";
import type { TransportSettings } from "../quic/settings.ts";
import type { Trust } from "../tls/trust.ts";
import type { BufferSource, HeadersInit } from "./web-types.ts";

/** A certificate's fingerprint (W3C `WebTransportHash`). */
export interface WebTransportHash {
  /** "sha-256"; others are ignored. */
  readonly algorithm: string;
  /** 32 bytes: SHA-256 of the certificate's DER. */
  readonly value: BufferSource;
}

/** What a congestion controller should be good at. */
export type WebTransportCongestionControl = "default" | "throughput" | "low-latency";

/** W3C `WebTransportOptions`, and beside them what Node's users need. */
export interface WebTransportOptions extends ObservingOptions {
  /** Accepted for W3C: each session has a connection of its own. */
  readonly allowPooling?: boolean;
  /** Fails unless datagrams get through. Over HTTP/3 they always may. Default false. */
  readonly requireUnreliable?: boolean;
  /** Header fields of the request. */
  readonly headers?: HeadersInit | undefined;
  /** Only servers with one of these certificates are believed, and no authority is asked. */
  readonly serverCertificateHashes?: readonly WebTransportHash[];
  /** "throughput" is CUBIC, "low-latency" BBR; "default" leaves it to the engine (CUBIC). */
  readonly congestionControl?: WebTransportCongestionControl;
  /** One-way streams the server may have open at a time. Default 128. */
  readonly anticipatedConcurrentIncomingUnidirectionalStreams?: number | null;
  /** Streams both ways the server may have open at a time. Default 32. */
  readonly anticipatedConcurrentIncomingBidirectionalStreams?: number | null;
  /** Application protocols, the favourite first: different names of 1 to 512 printable ASCII characters. */
  readonly protocols?: readonly string[];
  /** "bytes" lets datagrams be read with a BYOB reader. */
  readonly datagramsReadableType?: "bytes";

  /** Whom to believe if there are no hashes. Default "system". Not W3C. */
  readonly trust?: Trust;
  /** Time until the session is there, in milliseconds, name look-up included. Default 10000. Not W3C. */
  readonly timeoutMs?: number;
  /** Aborting closes the session, or the attempt at it. Not W3C. */
  readonly signal?: AbortSignal;
  /** QUIC's own options. Not W3C. */
  readonly transport?: Omit<TransportSettings, "handshakeTimeoutMs">;
}

/** Where to, and how. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  readonly path: string;
  readonly fields: readonly FieldLine[];
  readonly protocols: readonly string[];
  readonly trust: Trust;
  readonly timeoutMs: number;
  readonly transport: Omit<TransportSettings, "handshakeTimeoutMs">;
  readonly observing: ObservingOptions;
}

const httpsPort = 443;
export const defaultTimeoutMs = 10_000;

/**
 * Checks URL and options as the W3C constructor does. Throws a DOMException "SyntaxError" for a URL that is none, is not
 * https or has a fragment, and for protocols; "NotSupportedError" for hashes together with pooling; a TypeError for a hash.
 */
export function destinationOf(url: string | URL, options: WebTransportOptions): Destination {
  const target = parseUrl(url);
  const { protocols = [], serverCertificateHashes = [], allowPooling = false, timeoutMs = defaultTimeoutMs } = options;
  if (new Set(protocols).size !== protocols.length) throw syntaxError("A protocol is named twice.");
  const odd = protocols.find((name) => !isProtocolName(name));
  if (odd !== undefined) {
    throw syntaxError(`${JSON.stringify(odd)} is no protocol: it may have 1 to 512 printable ASCII characters.`);
  }
  if (serverCertificateHashes.length > 0 && allowPooling) {
    throw new DOMException("serverCertificateHashes and allowPooling exclude each other.", "NotSupportedError");
  }
  return {
    host: target.hostname,
    port: target.port === "" ? httpsPort : Number(target.port),
    authority: target.host,
    path: target.pathname + target.search,
    fields: fieldsOf(options.headers),
    protocols,
    trust: serverCertificateHashes.length > 0 ? pinned(serverCertificateHashes) : (options.trust ?? "system"),
    timeoutMs,
    transport: transportOf(options),
    observing: {
      ...(options.keyLog && { keyLog: options.keyLog }),
      ...(options.qlog && { qlog: options.qlog }),
    },
  };
}

function parseUrl(url: string | URL): URL {
  let target: URL;
  try {
    target = new URL(url);
  } catch {
    throw syntaxError(`${JSON.stringify(String(url))} is no URL.`);
  }
  if (target.protocol !== "https:") throw syntaxError(`The URL begins with ${target.protocol}, not with https:.`);
  if (target.hash !== "") throw syntaxError("The URL has a fragment.");
  return target;
}

function fieldsOf(headers: HeadersInit | undefined): readonly FieldLine[] {
  const fields: FieldLine[] = [...new Headers(headers)];
  const wrong = fields.find((field) => !isField(field));
  if (wrong === undefined) return fields;
  throw new TransportError("option-invalid", { option: "headers", detail: `${wrong[0]} is no field that can be sent` });
}

function pinned(hashes: readonly WebTransportHash[]): Trust {
  const sha256: Uint8Array[] = [];
  for (const { algorithm, value } of hashes) {
    if (algorithm.toLowerCase() !== "sha-256") continue;
    sha256.push(
      ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value),
    );
  }
  return { sha256 };
}

function transportOf(options: WebTransportOptions): Omit<TransportSettings, "handshakeTimeoutMs"> {
  const uni = options.anticipatedConcurrentIncomingUnidirectionalStreams;
  const bidi = options.anticipatedConcurrentIncomingBidirectionalStreams;
  return {
    ...(options.congestionControl === "low-latency" ? { congestion: "bbr" } : {}),
    ...(options.congestionControl === "throughput" ? { congestion: "cubic" } : {}),
    ...(uni ? { maxUniStreams: uni + controlStreams } : {}),
    ...(bidi ? { maxBidiStreams: bidi } : {}),
    ...options.transport,
  };
}

/** One-way streams that HTTP/3 itself has. */
const controlStreams = 3;

function syntaxError(message: string): DOMException {
  return new DOMException(message, "SyntaxError");
}
