/** `connectWebSocket`: a connection over QMux and WebSocket, for networks without QUIC. The client in Node. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { formatAddress } from "../address.ts";
import type { Connection } from "../connection.ts";
import { messageOf, SessionRejectedError, TransportError } from "../errors.ts";
import { QmuxConnection } from "../qmux/qmux-connection.ts";
import type { QmuxSettings } from "../qmux/settings.ts";
import { systemCarrierTimers } from "../qmux/system-timers.ts";
import { noSubprotocol, offeredSubprotocols, parseSubprotocol, type QmuxDraft } from "../qmux/versions.ts";
import type { Trust } from "../tls/trust.ts";
import type { HeadersInit } from "../webtransport/web-types.ts";
import { dialSocket } from "./dial.ts";
import { maxPayloadOf } from "./limits.ts";
import { closeTimeoutMs, SocketCarrier } from "./socket-carrier.ts";
import { webSocketUrl } from "./url.ts";

/** Options of {@link connectWebSocket}. */
export interface ConnectWebSocketOptions {
  /** Application protocols offered, the favourite first; each is a token of HTTP. Default: none. */
  readonly protocols?: readonly string[];
  /** Drafts of QMux offered with each protocol, the favourite first. Default: all that there are. */
  readonly drafts?: readonly QmuxDraft[];
  /**
   * Also offers the drafts, and the older `webtransport` wire, without a protocol: for servers whose application agrees on
   * its protocol in-band. Default: only if there are no `protocols`.
   */
  readonly bare?: boolean;
  /** Whom to believe, for `wss:` and `https:`. Default "system". */
  readonly trust?: Trust;
  /** Header fields of the request. */
  readonly headers?: HeadersInit | undefined;
  /** Time for everything, name look-up included, in milliseconds. Default 10000. */
  readonly timeoutMs?: number;
  /** Gives up connecting: the promise rejects with the signal's reason. An open connection is not touched. */
  readonly signal?: AbortSignal;
  readonly settings?: QmuxSettings;
}

/** What {@link openWebSocket} finds. */
export interface OpenedWebSocket {
  readonly connection: QmuxConnection;
  /** Header fields of the server's answer. */
  readonly headers: Headers;
}

const defaultTimeoutMs = 10_000;
/** Missing in the types of `ws`. */
const closing = { closeTimeout: closeTimeoutMs };

/**
 * Connects to a `wss:`, `ws:`, `https:` or `http:` URL. The peer's limits are known when it resolves. Errors:
 * `host-not-found`, `connection-refused`, `unreachable`, `certificate-untrusted`, `handshake-failed`, `handshake-timeout`,
 * `session-rejected` (a `SessionRejectedError`), `no-common-alpn`, `connection-lost`, `protocol-violation`, `option-invalid`,
 * and the reason of `signal`.
 */
export async function connectWebSocket(url: string | URL, options: ConnectWebSocketOptions = {}): Promise<Connection> {
  return (await openWebSocket(url, options)).connection;
}

/** `connectWebSocket`, with the header fields of the answer. */
export async function openWebSocket(url: string | URL, options: ConnectWebSocketOptions): Promise<OpenedWebSocket> {
  const { protocols = [], bare = protocols.length === 0, drafts, timeoutMs = defaultTimeoutMs, signal } = options;
  const target = webSocketUrl(url);
  const names = offeredSubprotocols(protocols, bare, drafts);
  const secure = target.protocol === "wss:";
  const port = Number(target.port) || (secure ? 443 : 80);
  const where = formatAddress(target.hostname, port);
  signal?.throwIfAborted();
  const attempt = new AbortController();
  const giveUp = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const timeout = setTimeout(() => {
    attempt.abort(new TransportError("handshake-timeout", { where, ms: timeoutMs }));
  }, timeoutMs);
  try {
    const socket = await dialSocket({
      host: target.hostname,
      port,
      trust: secure ? (options.trust ?? "system") : undefined,
      signal: attempt.signal,
    });
    return await upgrade({ target, names, where, socket, options, signal: attempt.signal });
  } finally {
    clearTimeout(timeout);
    signal?.removeEventListener("abort", giveUp);
  }
}

interface Upgrade {
  readonly target: URL;
  readonly names: readonly string[];
  readonly where: string;
  readonly socket: Socket;
  readonly options: ConnectWebSocketOptions;
  readonly signal: AbortSignal;
}

async function upgrade({ target, names, where, socket, options, signal }: Upgrade): Promise<OpenedWebSocket> {
  const webSocket = new WebSocket(target, [...names], {
    createConnection: () => socket,
    perMessageDeflate: false, // what we carry is compressed or encrypted already
    maxPayload: maxPayloadOf(names.includes("webtransport") || names.length === 0 ? "webtransport" : "qmux-02"),
    ...closing,
    headers: Object.fromEntries(new Headers(options.headers)),
  });
  let headers = new Headers();
  let connection: QmuxConnection | undefined;
  /** At once when the socket opens: the peer's first message may have come with its answer. */
  const begin = (): QmuxConnection => {
    const carrier = new SocketCarrier(webSocket, socket);
    const opened = new QmuxConnection({
      side: "client",
      subprotocol: parseSubprotocol(webSocket.protocol) ?? noSubprotocol,
      carrier,
      timers: systemCarrierTimers,
      peerName: where,
      serverName: target.protocol === "wss:" ? target.hostname : "",
      settings: options.settings,
      onFault: (error) => process.emitWarning(error),
    });
    carrier.attach(opened);
    return opened;
  };
  try {
    const opened = await new Promise<QmuxConnection>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (signal.aborted) reject(signal.reason);
      webSocket.on("upgrade", (answer) => {
        headers = headersOf(answer);
      });
      webSocket.on("unexpected-response", (request, answer) => {
        request.destroy();
        reject(new SessionRejectedError(where, answer.statusCode ?? 0, headersOf(answer)));
      });
      webSocket.on("error", (error) => reject(refused(error, where, names)));
      webSocket.on("open", () => {
        connection = begin();
        resolve(connection);
      });
    });
    await orAborted(opened.ready, signal);
    const early = opened.end;
    if (early !== undefined) throw early.error ?? new TransportError("closed", { what: "connection" });
    return { connection: opened, headers };
  } catch (error) {
    connection?.close();
    webSocket.on("error", () => {});
    webSocket.terminate();
    throw error;
  }
}

function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/** Why `ws` did not take the server's answer. */
function refused(error: Error, where: string, names: readonly string[]): TransportError {
  const detail = messageOf(error);
  if (/subprotocol/i.test(detail)) return new TransportError("no-common-alpn", { where, ours: names.join(", ") });
  return new TransportError("connection-lost", { where, detail }, { cause: error });
}

function headersOf(answer: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
