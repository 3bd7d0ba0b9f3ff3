/**
 * `listen`: one UDP port for raw QUIC, by application protocol, and for HTTP/3 with WebTransport sessions on it; and, if
 * wanted, the TCP port of the same number for HTTPS and HTTP with sessions over WebSocket.
 */
import type { ConnectionBytes } from "@moqingbird/engine";
import type { SocketAddress } from "./address.ts";
import type { CloseOptions, Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type { FetchHandler } from "./h3/fetch-exchange.ts";
import { Http3Server } from "./h3/server.ts";
import { type Listener, listenQuic, type QuicListenOptions } from "./quic/listener.ts";
import type { Runtime } from "./quic/runtime.ts";
import { runtime } from "./quic/thread.ts";
import type { LoadedCertificate } from "./tls/certificate.ts";
import { presentCertificates, type ServerCertificates } from "./tls/certificate-source.ts";
import type { SocketBuffers } from "./udp/backend.ts";
import type { WebSocketListenOptions, WebSocketServerPort } from "./websocket/server.ts";
import { type SessionRequest, sessionRequest } from "./webtransport/session-request.ts";

/** Options of {@link listen}. */
export interface ListenOptions extends Omit<QuicListenOptions, "alpn" | "onConnection"> {
  /**
   * Application protocols taken, the favourite first: the first that the client offers too is used. "h3" is added behind
   * them for `webTransport` and `fetch`, unless it is named. Default: none beside that.
   */
  readonly alpn?: readonly string[];
  /** Called for each connection whose handshake is done, before its first stream: set `connection.handler` here. Not for "h3". */
  readonly onConnection?: (connection: Connection) => void;
  /** Takes WebTransport sessions over HTTP/3. Raises the default of `transport.maxBidiStreams` to 256, as `fetch` does. */
  readonly webTransport?: WebTransportListenOptions;
  /**
   * Opens the TCP port of the same number too, for HTTPS and HTTP: `webTransport` takes sessions over WebSocket there, for
   * clients without QUIC, and `fetch` answers requests. Default: no TCP port.
   */
  readonly webSocket?: boolean | WebSocketListenOptions;
  /** Answers plain GET and HEAD requests, in the form of the Fetch standard. Default: status 404. */
  readonly fetch?: FetchHandler;
}

/** How a listener takes WebTransport sessions. */
export interface WebTransportListenOptions {
  /** Called for each session a client asks for: `accept` or `reject` it, at once or later. What it throws is status 500. */
  readonly onRequest: (request: SessionRequest) => void | Promise<void>;
  /**
   * Origins taken, as browsers send them ("https://example.com"); others get status 403. Default: all. Programs that are no
   * browsers send none, and are taken.
   */
  readonly origins?: readonly string[];
  /** Sessions at a time on one connection; more are rejected (H3_REQUEST_REJECTED). Default 16. */
  readonly maxSessions?: number;
  /** A session not answered for so long gets status 503, in milliseconds. Default 10000. */
  readonly answerTimeoutMs?: number;
}

const http3 = "h3";
/** Streams both ways a client may have open by default: browsers fail to open one above the limit, they do not wait. */
const defaultMaxBidiStreams = 256;
const defaultMaxSessions = 16;
const defaultAnswerTimeoutMs = 10_000;
/** Port 0: a UDP port whose TCP twin is taken is given back, so many times. */
const portAttempts = 10;

/**
 * Listens. Errors: `address-in-use`, `address-invalid`, `certificate-unreadable`, `key-unreadable`, `key-mismatch`,
 * `option-invalid`.
 */
export function listen(options: ListenOptions): Promise<Listener> {
  return listenOn(runtime(), options);
}

/** `listen` on a runtime that is not this thread's: a simulated process. */
export async function listenOn(shared: Runtime, options: ListenOptions): Promise<Listener> {
  const { certificates, source } = presentCertificates(options.certificate);
  const listener = await openPorts(shared, { ...options, certificate: certificates });
  if (source === undefined) return listener;
  const show = () => listener.setCertificate(source.certificates);
  if (source.certificates !== certificates) show(); // it changed while the ports were opened
  void listener.closed.then(source.subscribe(show));
  return listener;
}

type PortOptions = Omit<ListenOptions, "certificate"> & { readonly certificate: ServerCertificates };

async function openPorts(shared: Runtime, options: PortOptions): Promise<Listener> {
  const { webSocket = false } = options;
  for (const origin of options.webTransport?.origins ?? []) checkOrigin(origin);
  if (webSocket === false) return listenUdp(shared, options);
  const { WebSocketServerPort } = await import("./websocket/server.ts");
  for (let attempt = 1; ; attempt++) {
    const sockets: { port?: WebSocketServerPort } = {};
    const udp = await listenUdp(shared, options, async (close) => sockets.port?.close(close));
    try {
      sockets.port = await WebSocketServerPort.open({
        ...(webSocket === true ? {} : webSocket),
        host: options.host,
        port: udp.address.port,
        certificate: options.certificate,
        fetch: options.fetch,
        sessions: options.webTransport && {
          onOffer: (offer) => options.webTransport?.onRequest(sessionRequest(offer, "websocket")),
          origins: options.webTransport.origins,
          answerTimeoutMs: options.webTransport.answerTimeoutMs ?? defaultAnswerTimeoutMs,
        },
      });
      return new TwinListener(udp, sockets.port);
    } catch (error) {
      await udp.close();
      const taken = error instanceof TransportError && error.code === "address-in-use";
      if (!taken || (options.port ?? 0) !== 0 || attempt >= portAttempts) throw error;
    }
  }
}

async function listenUdp(
  shared: Runtime,
  options: PortOptions,
  beforeClose?: (close: CloseOptions) => Promise<void>,
): Promise<Listener> {
  const { webTransport, webSocket: _, fetch, alpn = [], onConnection = ignore, ...rest } = options;
  if (webTransport === undefined && fetch === undefined) {
    return listenQuic(shared, { ...rest, alpn, onConnection }, beforeClose);
  }
  if (rest.earlyData) {
    const detail = "HTTP/3 has none: its requests would wait for the end of the handshake all the same";
    throw new TransportError("option-invalid", { option: "earlyData", detail });
  }
  const server = new Http3Server({
    timers: shared.executor,
    fetch,
    sessions: webTransport && {
      onOffer: (offer) => webTransport.onRequest(sessionRequest(offer, "http3")),
      origins: webTransport.origins,
      maxSessions: webTransport.maxSessions ?? defaultMaxSessions,
      answerTimeoutMs: webTransport.answerTimeoutMs ?? defaultAnswerTimeoutMs,
    },
  });
  return listenQuic(
    shared,
    {
      ...rest,
      transport: { maxBidiStreams: defaultMaxBidiStreams, ...rest.transport },
      alpn: alpn.includes(http3) ? alpn : [...alpn, http3],
      onConnection: (connection) => {
        if (connection.protocol === http3) server.serve(connection);
        else onConnection(connection);
      },
    },
    async (close: CloseOptions) => {
      await Promise.all([server.shutdown(close), beforeClose?.(close)]);
    },
  );
}

/** An origin that no browser ever sends would shut everybody out. */
function checkOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return;
  const detail = `${JSON.stringify(origin)} is no origin as browsers send it, such as "https://example.com"`;
  throw new TransportError("option-invalid", { option: "origins", detail });
}

/** A UDP port and the TCP port of its number. */
class TwinListener implements Listener {
  readonly #udp: Listener;
  readonly #tcp: WebSocketServerPort;

  constructor(udp: Listener, tcp: WebSocketServerPort) {
    this.#udp = udp;
    this.#tcp = tcp;
    void udp.closed.then(() => tcp.close({}));
  }

  get address(): SocketAddress {
    return this.#udp.address;
  }

  get connections(): ReadonlySet<Connection> {
    return new Set<Connection>([...this.#udp.connections, ...this.#tcp.connections]);
  }

  get certificates(): readonly LoadedCertificate[] {
    return this.#udp.certificates;
  }

  get socketBuffers(): SocketBuffers {
    return this.#udp.socketBuffers;
  }

  get connectionBytes(): ConnectionBytes {
    return this.#udp.connectionBytes;
  }

  get closed(): Promise<TransportError | undefined> {
    return this.#udp.closed;
  }

  setCertificate(certificate: ServerCertificates): void {
    this.#udp.setCertificate(certificate);
    this.#tcp.setCertificate(certificate);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#udp.close(options); // the TCP port goes first
  }

  ref(): this {
    this.#udp.ref();
    this.#tcp.ref();
    return this;
  }

  unref(): this {
    this.#udp.unref();
    this.#tcp.unref();
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function ignore(): void {}
