/**
 * `connectWebTransport`: a session to a URL over whatever gets through, HTTP/3 or, where UDP is blocked, a WebSocket at the TCP
 * port of the same number.
 */
import { formatAddress } from "../address.ts";
import { SessionRejectedError, TransportError, type TransportErrorCode } from "../errors.ts";
import type { ObservingOptions } from "../quic/observing.ts";
import type { TransportSettings } from "../quic/settings.ts";
import { runtime } from "../quic/thread.ts";
import { fetchFingerprint } from "../tls/fetch-fingerprint.ts";
import type { Trust } from "../tls/trust.ts";
import { type ConnectWebSocketOptions, openWebSocket } from "../websocket/connect.ts";
import { dial } from "../webtransport/dial.ts";
import { destinationOf } from "../webtransport/options.ts";
import type { WebSession } from "../webtransport/web-session.ts";
import type { HeadersInit } from "../webtransport/web-types.ts";
import { adoptSession, type WebTransport } from "../webtransport/webtransport.ts";
import { race } from "./race.ts";

/** Options of {@link connectWebTransport}. */
export interface ConnectWebTransportOptions
  extends Pick<ConnectWebSocketOptions, "bare" | "drafts" | "settings">,
    ObservingOptions {
  /** Application protocols, the favourite first; each is a token of HTTP. Default: none. */
  readonly protocols?: readonly string[];
  /** Whom to believe. Default "system"; for an `http:` URL, the certificate that it tells. */
  readonly trust?: Trust;
  /** Header fields of the request. */
  readonly headers?: HeadersInit | undefined;
  /**
   * How long HTTP/3 is tried alone before a WebSocket is tried beside it, in milliseconds; when HTTP/3 fails, that is at once.
   * Default 500; `Infinity`: no WebSocket at all.
   */
  readonly headStartMs?: number;
  /** Time for each of the steps, in milliseconds. Default 10000. */
  readonly timeoutMs?: number;
  /** Gives up connecting: the promise rejects with the signal's reason. An open session is not touched. */
  readonly signal?: AbortSignal;
  /** QUIC's own options. */
  readonly transport?: Omit<TransportSettings, "handshakeTimeoutMs">;
}

/** Three round trips to the other side of the world: QUIC's handshake, SETTINGS, and the request. */
const defaultHeadStartMs = 500;

/**
 * Opens a session; `session.reliability` tells whether it became HTTP/3 ("supports-unreliable") or a WebSocket
 * ("reliable-only"). By scheme of the URL:
 *
 * - `https:` HTTP/3, and after a head start, or when that fails, a WebSocket.
 * - `wss:`, `ws:` a WebSocket, nothing else.
 * - `http:` asks the server for `/certificate.sha256`, pins it, and goes on as `https:` at the same port. Whoever is on the
 *   path can answer that: for loopback and labs.
 *
 * Errors: those of `connect`, `connectWebSocket` and `fetchFingerprint`, with the reason of `signal`; where both ways fail, the
 * failure that says more. Throws a DOMException "SyntaxError" for an `https:` URL with a fragment.
 */
export async function connectWebTransport(
  url: string | URL,
  options: ConnectWebTransportOptions = {},
): Promise<WebTransport> {
  const target = parsed(url);
  const { signal } = options;
  signal?.throwIfAborted();
  switch (target.protocol) {
    case "https:":
      return adopted(await eitherWay(target, options));
    case "wss:":
    case "ws:":
      return adopted(await byWebSocket(target, options, signal));
    case "http:": {
      if (options.trust !== undefined) return adopted(await eitherWay(secured(target), options));
      const { timeoutMs } = options;
      const sha256 = await fetchFingerprint(target, {
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(signal === undefined ? {} : { signal }),
      });
      return adopted(await eitherWay(secured(target), { ...options, trust: { sha256: [sha256] } }));
    }
    default:
      throw new TransportError("option-invalid", {
        option: "url",
        detail: `it begins with ${target.protocol}; https:, http:, wss: and ws: are taken`,
      });
  }
}

interface Opened {
  readonly session: WebSession;
  readonly headers: Headers;
}

function eitherWay(target: URL, options: ConnectWebTransportOptions): Promise<Opened> {
  const { headStartMs = defaultHeadStartMs, signal } = options;
  if (!(headStartMs >= 0)) {
    throw new TransportError("option-invalid", { option: "headStartMs", detail: `${headStartMs} is not 0 or more` });
  }
  const destination = destinationOf(target, options); // throws before anything is tried
  const shared = runtime();
  void shared.engine; // made now, so that the first session's head start is not spent on that
  const byHttp3 = (stop: AbortSignal) => dial(shared, destination, stop);
  if (headStartMs === Number.POSITIVE_INFINITY) return byHttp3(signal ?? new AbortController().signal);
  return race<Opened>({
    better: byHttp3,
    other: (stop) => byWebSocket(target, options, stop),
    headStartMs,
    decisive,
    discard: ({ session }) => session.close(),
    signal,
  });
}

async function byWebSocket(
  target: URL,
  { headStartMs: _, transport: __, keyLog: ___, qlog: ____, signal: _____, ...options }: ConnectWebTransportOptions,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const { connection, headers } = await openWebSocket(target, {
    ...options,
    ...(signal === undefined ? {} : { signal }),
  });
  return { session: connection, headers };
}

function adopted({ session, headers }: Opened): WebTransport {
  return adoptSession(session, headers);
}

/** What both ways would meet, with the same certificate and the same request. */
const common: ReadonlySet<TransportErrorCode> = new Set(["certificate-untrusted", "host-not-found", "option-invalid"]);

function decisive(error: unknown): boolean {
  if (error instanceof SessionRejectedError) return true;
  return error instanceof TransportError && common.has(error.code);
}

function parsed(url: string | URL): URL {
  try {
    return new URL(url);
  } catch {
    throw new TransportError("option-invalid", { option: "url", detail: `${JSON.stringify(String(url))} is no URL` });
  }
}

/** The `https:` URL of the same port. */
function secured(target: URL): URL {
  const port = target.port === "" ? 80 : Number(target.port);
  return new URL(
    `https://${formatAddress(target.hostname.replace(/^\[|\]$/g, ""), port)}${target.pathname}${target.search}`,
  );
}
