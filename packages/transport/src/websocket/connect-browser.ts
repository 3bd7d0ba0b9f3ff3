/** `connectWebSocket` on the platform's own WebSocket: the client for browsers. Imports nothing that only Node has. */
import type { Connection } from "../connection.ts";
import { TransportError } from "../errors.ts";
import { QmuxConnection } from "../qmux/qmux-connection.ts";
import type { QmuxSettings } from "../qmux/settings.ts";
import { systemCarrierTimers } from "../qmux/system-timers.ts";
import { noSubprotocol, offeredSubprotocols, parseSubprotocol, type QmuxDraft } from "../qmux/versions.ts";
import { BrowserCarrier } from "./browser-carrier.ts";
import { webSocketUrl } from "./url.ts";

/** Options of {@link connectWebSocket}. Pages choose neither whom to believe nor header fields. */
export interface ConnectWebSocketOptions {
  /** Application protocols offered, the favourite first; each is a token of HTTP. Default: none. */
  readonly protocols?: readonly string[];
  /** Drafts of QMux offered with each protocol, the favourite first. Default: all that there are. */
  readonly drafts?: readonly QmuxDraft[];
  /** Also offers the drafts, and the older `webtransport` wire, without a protocol. Default: only without `protocols`. */
  readonly bare?: boolean;
  /** Time for everything, in milliseconds. Default 10000. */
  readonly timeoutMs?: number;
  /** Gives up connecting: the promise rejects with the signal's reason. An open connection is not touched. */
  readonly signal?: AbortSignal;
  readonly settings?: QmuxSettings;
}

const defaultTimeoutMs = 10_000;

/**
 * Connects to a `wss:`, `ws:`, `https:` or `http:` URL. Errors: `unreachable` for all that browsers do not tell apart,
 * `handshake-timeout`, `connection-lost`, `protocol-violation`, `option-invalid`, and the reason of `signal`.
 */
export async function connectWebSocket(url: string | URL, options: ConnectWebSocketOptions = {}): Promise<Connection> {
  const { protocols = [], bare = protocols.length === 0, drafts, timeoutMs = defaultTimeoutMs, signal } = options;
  const target = webSocketUrl(url);
  const names = offeredSubprotocols(protocols, bare, drafts);
  signal?.throwIfAborted();
  const socket = new WebSocket(target, names);
  socket.binaryType = "arraybuffer";
  const gone = new AbortController();
  const giveUp = () => gone.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const timeout = systemCarrierTimers.schedule(timeoutMs, () => {
    gone.abort(new TransportError("handshake-timeout", { where: target.host, ms: timeoutMs }));
  });
  try {
    const connection = await opened(socket, target, options.settings, gone.signal);
    await orAborted(connection.ready, gone.signal);
    const early = connection.end;
    if (early !== undefined) throw early.error ?? new TransportError("closed", { what: "connection" });
    return connection;
  } catch (error) {
    socket.close();
    throw error;
  } finally {
    timeout.cancel();
    signal?.removeEventListener("abort", giveUp);
  }
}

function opened(
  socket: WebSocket,
  target: URL,
  settings: QmuxSettings | undefined,
  signal: AbortSignal,
): Promise<QmuxConnection> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    socket.addEventListener("close", ({ code }) => {
      const detail = `the browser says no more than close code ${code}`;
      reject(new TransportError("unreachable", { where: target.host, detail }));
    });
    socket.addEventListener("open", () => {
      const secure = target.protocol === "wss:";
      const port = Number(target.port) || (secure ? 443 : 80);
      const carrier = new BrowserCarrier(socket, { address: target.hostname, port });
      const connection = new QmuxConnection({
        side: "client",
        subprotocol: parseSubprotocol(socket.protocol) ?? noSubprotocol,
        carrier,
        timers: systemCarrierTimers,
        peerName: target.host,
        serverName: secure ? target.hostname : "",
        settings,
        onFault: (error) => console.error(error),
      });
      carrier.attach(connection);
      resolve(connection);
    });
  });
}

function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
