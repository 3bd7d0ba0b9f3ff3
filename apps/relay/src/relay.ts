/** `start`: a hub behind a UDP port, for raw QUIC and WebTransport, and the TCP port of its number, for WebSocket and HTTP. */
import { protocolsOf } from "@moqingbird/session";
import {
  engineMemory,
  formatAddress,
  type Listener,
  listen,
  type SessionRequest,
  type SocketAddress,
  setEngineMemory,
  type WebSocketListenOptions,
} from "@moqingbird/transport";
import { type RelayConfig, relayDefaults, relayWindows } from "./config.ts";
import { httpApp } from "./http/app.ts";
import { Hub, type HubStats } from "./hub.ts";
import { createLogger, type RelayLogger } from "./log.ts";
import { memoryBounds } from "./memory-bounds.ts";

/** A running relay. */
export interface Relay {
  /** Where it listens; the port that was chosen where 0 was asked for. */
  readonly address: SocketAddress;
  readonly stats: HubStats;
  /** Ends every session, telling each why, then closes the socket. Repeatable. */
  close(): Promise<void>;
  /** Resolves when the relay is closed; rejects when the engine of this thread crashed. */
  readonly closed: Promise<void>;
}

/**
 * Starts a relay. Rejects with a TransportError: `address-in-use`, `address-invalid`, `certificate-unreadable`,
 * `key-unreadable`, `key-mismatch`, `option-invalid`.
 */
export async function start(config: RelayConfig): Promise<Relay> {
  const log = config.log ?? createLogger();
  if (config.engineBytes !== undefined) setEngineMemory(config.engineBytes);
  const maxSessions = config.maxSessions ?? relayDefaults.maxSessions;
  const hub = new Hub({
    log,
    cacheBytes: config.cacheBytes,
    sessionBytes: config.sessionBytes,
    retentionMs: config.retentionMs,
    processBytes: config.processBytes,
  });
  let listener: Listener | undefined;
  const app = httpApp({ certificates: () => listener?.certificates ?? [], pages: config.pages });
  try {
    listener = await listen({
      ...(config.host !== undefined && { host: config.host }),
      port: config.port ?? relayDefaults.port,
      certificate: config.certificate,
      alpn: protocolsOf(),
      limits: {
        maxConnections: maxSessions,
        ...(config.maxConnectionsPerAddress !== undefined && {
          maxConnectionsPerAddress: config.maxConnectionsPerAddress,
        }),
      },
      transport: { ...relayWindows, idleTimeoutMs: config.idleTimeoutMs ?? relayDefaults.idleTimeoutMs },
      ...(config.keyLog && { keyLog: config.keyLog }),
      ...(config.qlog && { qlog: config.qlog }),
      onConnection: (connection) => hub.join(connection),
      webTransport: {
        ...(config.origins !== undefined && { origins: config.origins }),
        onRequest: (request) => {
          if (hub.stats.sessions < maxSessions) joinSession(hub, request);
          else request.reject(serviceUnavailable);
        },
      },
      webSocket: config.tcp !== false && webSocketOptions(config),
      fetch: (request) => app.fetch(request),
      onRejected: ({ remoteAddress, info, untold }) => {
        const peer = remoteAddress && formatAddress(remoteAddress.address, remoteAddress.port);
        const code = `0x${info.code.toString(16)}`;
        log.info({ event: "connection-refused", peer, by: info.by, code, reason: info.reason, untold });
      },
      onRestart: (error) => log.error({ event: "engine-crashed", reason: error.message }),
    });
    const relay = new RunningRelay(hub, listener, config, log);
    const { fits, numbers, says } = memoryBounds(maxSessions, listener.connectionBytes, engineMemory().budgetBytes);
    log[fits ? "info" : "warn"]({ event: "engine-memory", ...numbers }, says);
    return relay;
  } catch (error) {
    await hub.close("");
    throw error;
  }
}

function webSocketOptions({ maxConnectionsPerAddress, trustedProxies }: RelayConfig): WebSocketListenOptions {
  return {
    ...(trustedProxies !== undefined && { trustedProxies }),
    ...(maxConnectionsPerAddress !== undefined && {
      maxConnectionsPerAddress,
      maxSessionsPerAddress: maxConnectionsPerAddress,
    }),
  };
}

/** HTTP status of a session for which there is no room. */
const serviceUnavailable = 503;

/** Lets a session over HTTP/3 or WebSocket in. What path it asked for is nobody's business yet: all share one origin. */
function joinSession(hub: Hub, request: SessionRequest): void {
  const ours = protocolsOf();
  const protocol = request.protocols.find((name) => ours.includes(name));
  const { connection } = request.accept(protocol === undefined ? {} : { protocol });
  if (connection === undefined) return;
  const transport = request.over === "http3" ? "webtransport" : "websocket";
  hub.join(connection, { transport, path: request.url.pathname + request.url.search });
}

/** The certificates for the log. */
function shownBy({ certificates }: Listener) {
  return certificates.map(({ names, sha256, notAfter }) => ({
    names,
    sha256: Buffer.from(sha256).toString("hex"),
    notAfter,
  }));
}

/** What sessions are told when the relay ends. */
const farewell = "The relay is stopping.";

/** How often it is looked whether the engine ran short of memory, for the log. */
const watchMs = 1000;

class RunningRelay implements Relay {
  readonly #hub: Hub;
  readonly #listener: Listener;
  readonly #log: RelayLogger;
  readonly closed: Promise<void>;
  readonly #watch: NodeJS.Timeout;
  #closing: Promise<void> | undefined;
  #engineTold = "";

  constructor(hub: Hub, listener: Listener, { certificate }: Pick<RelayConfig, "certificate">, log: RelayLogger) {
    this.#hub = hub;
    this.#listener = listener;
    this.#log = log;
    this.closed = listener.closed.then((error) => {
      if (error !== undefined) throw error;
    });
    this.closed.catch(() => {}); // told to who waits for it
    this.#engineTold = this.#engineStats().counts;
    this.#watch = setInterval(() => this.#tellShortage(), watchMs).unref();
    const { socketBuffers } = listener;
    log.info({ event: "listening", ...listener.address, socketBuffers, certificates: shownBy(listener) });
    if ("subscribe" in certificate) {
      const tell = () => log.info({ event: "certificates-changed", certificates: shownBy(listener) });
      void this.#listener.closed.then(certificate.subscribe(tell));
    }
  }

  get address(): SocketAddress {
    return this.#listener.address;
  }

  get stats(): HubStats {
    return this.#hub.stats;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** An engine that had to lower windows or close connections since the last look is worth a line. */
  #tellShortage(): void {
    const { stats, counts } = this.#engineStats();
    if (counts === this.#engineTold) return;
    this.#engineTold = counts;
    this.#log.warn({ event: "engine-memory-short", ...stats });
  }

  #engineStats() {
    const stats = engineMemory();
    return { stats, counts: `${stats.presses} ${stats.closedConnections}` };
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch);
    this.#log.info({ event: "closing", ...this.stats });
    await Promise.all([this.#hub.close(farewell), this.#listener.close({ reason: farewell })]);
    this.#log.info({ event: "closed" });
    await new Promise<void>((resolve) => this.#log.flush(() => resolve()));
  }
}
