/** `start`: a hub behind a UDP port, for raw QUIC and for WebTransport, and HTTP on TCP beside it. */
import { protocolsOf } from "@moqingbird/session";
import {
  certificateFingerprint,
  engineMemory,
  formatAddress,
  type Listener,
  listen,
  type SessionRequest,
  type SocketAddress,
  setEngineMemory,
} from "@moqingbird/transport";
import type { Hono } from "hono";
import { type RelayConfig, relayDefaults, relayWindows } from "./config.ts";
import { httpApp, withPages } from "./http/app.ts";
import { type HttpServer, listenHttp } from "./http/server.ts";
import { Hub, type HubStats } from "./hub.ts";
import { createLogger, type RelayLogger } from "./log.ts";

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
  const app = httpApp({ sha256: certificateFingerprint(config.certificate.chain) });
  const open = (port: number): Promise<Listener> =>
    listen({
      ...(config.host !== undefined && { host: config.host }),
      port,
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
        onRequest: (request) => {
          if (hub.stats.sessions < maxSessions) joinSession(hub, request);
          else request.reject(serviceUnavailable);
        },
      },
      fetch: (request) => app.fetch(request),
      onRejected: ({ remoteAddress, info, untold }) => {
        const peer = remoteAddress && formatAddress(remoteAddress.address, remoteAddress.port);
        const code = `0x${info.code.toString(16)}`;
        log.info({ event: "connection-refused", peer, by: info.by, code, reason: info.reason, untold });
      },
      onRestart: (error) => log.error({ event: "engine-crashed", reason: error.message }),
    });
  try {
    const sockets = await onOnePort(config, open, withPages(app, config.pages));
    return new RunningRelay(hub, sockets, log);
  } catch (error) {
    await hub.close("");
    throw error;
  }
}

interface Sockets {
  readonly listener: Listener;
  readonly http: HttpServer | undefined;
}

/** UDP and TCP at one number. Where the system chooses, it chooses for UDP: if TCP has that number in use, once more. */
async function onOnePort(config: RelayConfig, open: (port: number) => Promise<Listener>, app: Hono): Promise<Sockets> {
  const wanted = config.port ?? relayDefaults.port;
  for (let attempt = 1; ; attempt++) {
    const listener = await open(wanted);
    if (config.http === false) return { listener, http: undefined };
    try {
      return { listener, http: await listenHttp(app, { host: config.host, port: listener.address.port }) };
    } catch (error) {
      await listener.close();
      if (wanted !== 0 || attempt === portAttempts) throw error;
    }
  }
}

/** Numbers tried where the system chooses. */
const portAttempts = 8;

/** HTTP status of a session for which there is no room. */
const serviceUnavailable = 503;

/** Lets a WebTransport session in. What path it asked for is nobody's business yet: all share one origin. */
function joinSession(hub: Hub, request: SessionRequest): void {
  const ours = protocolsOf();
  const protocol = request.protocols.find((name) => ours.includes(name));
  const { connection } = request.accept(protocol === undefined ? {} : { protocol });
  if (connection !== undefined) hub.join(connection, request.url.pathname + request.url.search);
}

/** What sessions are told when the relay ends. */
const farewell = "The relay is stopping.";

/** How often it is looked whether the engine ran short of memory, for the log. */
const watchMs = 1000;

class RunningRelay implements Relay {
  readonly #hub: Hub;
  readonly #listener: Listener;
  readonly #http: HttpServer | undefined;
  readonly #log: RelayLogger;
  readonly closed: Promise<void>;
  readonly #watch: NodeJS.Timeout;
  #closing: Promise<void> | undefined;
  #engineTold = "";

  constructor(hub: Hub, { listener, http }: Sockets, log: RelayLogger) {
    this.#hub = hub;
    this.#listener = listener;
    this.#http = http;
    this.#log = log;
    this.closed = listener.closed.then((error) => {
      if (error !== undefined) throw error;
    });
    this.closed.catch(() => {}); // told to who waits for it
    this.#engineTold = this.#engineStats().counts;
    this.#watch = setInterval(() => this.#tellShortage(), watchMs).unref();
    log.info({ event: "listening", ...listener.address, socketBuffers: listener.socketBuffers });
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
    await Promise.all([this.#hub.close(farewell), this.#listener.close({ reason: farewell }), this.#http?.close()]);
    this.#log.info({ event: "closed" });
    await new Promise<void>((resolve) => this.#log.flush(() => resolve()));
  }
}
