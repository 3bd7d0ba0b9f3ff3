/** The TCP side of a listener: sessions over QMux and WebSocket, and plain requests, on one port for HTTPS and HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { SocketAddress } from "../address.ts";
import type { CloseOptions } from "../connection.ts";
import type { FetchHandler } from "../h3/fetch-exchange.ts";
import type { QmuxConnection } from "../qmux/qmux-connection.ts";
import type { QmuxSettings } from "../qmux/settings.ts";
import { knownSubprotocols } from "../qmux/versions.ts";
import { checkCertificate, type LoadedCertificate } from "../tls/certificate.ts";
import type { ServerCertificates } from "../tls/certificate-source.ts";
import type { WebSessionOffer } from "../webtransport/web-session.ts";
import { AddressCounts, defaultPerAddress } from "./address-counts.ts";
import { answerHttp } from "./http-exchange.ts";
import { TrustedProxies } from "./proxies.ts";
import { peerOf } from "./socket-carrier.ts";
import { TcpPort } from "./tcp-port.ts";
import { refuseUpgrade, UpgradeOffer } from "./upgrade-offer.ts";

/** How a listener takes WebSockets. */
export interface WebSocketListenOptions {
  /** Takes `ws:` and `http:` beside `wss:` and `https:`, on the same port. Default true. */
  readonly plain?: boolean;
  /** TCP connections at a time; more are closed at once. Default 4096. */
  readonly maxConnections?: number;
  /**
   * TCP connections of one address at a time (IPv4, or an IPv6 /64), those of trusted proxies apart; more are closed at
   * once. Default: a quarter of maxConnections, at least 16; for loopback addresses all.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Sessions from one address at a time, those that wait for an answer included; more get status 429. Behind a trusted
   * proxy an address is what X-Forwarded-For says. Default: as for maxConnectionsPerAddress.
   */
  readonly maxSessionsPerAddress?: number;
  /** Proxies ("10.0.0.1", "10.0.0.0/8") whose X-Forwarded-For is believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** Time for a TLS handshake, and for the head of a request, in milliseconds. Default 10000. */
  readonly headTimeoutMs?: number;
  readonly settings?: QmuxSettings;
}

/** What the listener as a whole decides. */
export interface WebSocketServerOptions extends WebSocketListenOptions {
  readonly host: string | undefined;
  readonly port: number;
  readonly certificate: ServerCertificates;
  readonly fetch: FetchHandler | undefined;
  readonly sessions:
    | {
        readonly onOffer: (offer: WebSessionOffer) => void | Promise<void>;
        readonly origins: readonly string[] | undefined;
        readonly answerTimeoutMs: number;
      }
    | undefined;
}

const defaultMaxConnections = 4096;
const defaultHeadTimeoutMs = 10_000;

/** An open TCP port with all that runs on it. */
export class WebSocketServerPort {
  readonly connections = new Set<QmuxConnection>();
  readonly #options: WebSocketServerOptions;
  readonly #proxies: TrustedProxies;
  readonly #tcpConnections = new AddressCounts();
  /** Sessions and requests for them. */
  readonly #sessions = new AddressCounts();
  #port!: TcpPort;
  #closing = false;

  private constructor(options: WebSocketServerOptions) {
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
  }

  /** Errors: `address-in-use`, `address-invalid`, `option-invalid`, and those of the certificate. */
  static async open(options: WebSocketServerOptions): Promise<WebSocketServerPort> {
    const server = new WebSocketServerPort(options);
    server.#port = await TcpPort.open({
      host: options.host,
      port: options.port,
      certificates: loaded(options.certificate),
      plain: options.plain ?? true,
      maxConnections: options.maxConnections ?? defaultMaxConnections,
      headTimeoutMs: options.headTimeoutMs ?? defaultHeadTimeoutMs,
      admits: (socket) => server.#admits(socket),
      onRequest: (request, response) => server.#request(request, response),
      onUpgrade: (request, socket, head) => server.#upgrade(request, socket, head),
    });
    return server;
  }

  get address(): SocketAddress {
    return this.#port.address;
  }

  setCertificate(certificate: ServerCertificates): void {
    this.#port.setCertificates(loaded(certificate));
  }

  /** Ends every session with code and reason, then the port. */
  async close(options: CloseOptions): Promise<void> {
    this.#closing = true;
    for (const connection of [...this.connections]) connection.close(options);
    await this.#port.close();
  }

  ref(): void {
    this.#port.ref();
  }

  unref(): void {
    this.#port.unref();
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const url = urlOf(request);
    if (url === undefined) {
      response.writeHead(400, { "content-length": "0" }).end();
      return;
    }
    const remoteAddress = this.#clientOf(request);
    void answerHttp(request, response, { handler: this.#options.fetch, url, remoteAddress });
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { sessions, settings } = this.#options;
    const remoteAddress = this.#clientOf(request);
    const { address } = remoteAddress;
    const url = urlOf(request);
    const status = this.#refusal(request, address);
    if (status !== undefined || sessions === undefined || url === undefined) {
      refuseUpgrade(socket, status ?? 400);
      return;
    }
    this.#sessions.add(address);
    const offer = new UpgradeOffer({
      request,
      socket,
      head,
      url,
      remoteAddress,
      serverName: ((socket as TLSSocket).servername as string | false | undefined) || "",
      settings,
      answerTimeoutMs: sessions.answerTimeoutMs,
      onSettled: (connection) => {
        if (connection === undefined) this.#sessions.remove(address);
        else this.#add(connection, address);
      },
    });
    void decide(offer, sessions.onOffer);
  }

  /** The status of a request that is not even offered. */
  #refusal(request: IncomingMessage, address: string): number | undefined {
    const { sessions, maxSessionsPerAddress = this.#defaultPerAddress(address) } = this.#options;
    const { origin, "sec-websocket-protocol": offered } = request.headers;
    if (sessions === undefined) return 404;
    if (this.#closing) return 503;
    if (!isWebSocket(request)) return 400;
    if (offered !== undefined && knownSubprotocols(offered).length === 0) return 400;
    if (origin !== undefined && sessions.origins?.includes(origin) === false) return 403;
    return this.#sessions.of(address) >= maxSessionsPerAddress ? 429 : undefined;
  }

  /** Counts a TCP connection, unless its address has too many. */
  #admits(socket: Socket): boolean {
    const { address } = peerOf(socket);
    if (this.#proxies.trusts(address)) return true;
    const { maxConnectionsPerAddress = this.#defaultPerAddress(address) } = this.#options;
    if (this.#tcpConnections.of(address) >= maxConnectionsPerAddress) return false;
    this.#tcpConnections.add(address);
    socket.once("close", () => this.#tcpConnections.remove(address));
    return true;
  }

  #defaultPerAddress(address: string): number {
    return defaultPerAddress(address, this.#options.maxConnections ?? defaultMaxConnections);
  }

  #add(connection: QmuxConnection, address: string): void {
    this.connections.add(connection);
    void connection.closed.then(() => {
      this.connections.delete(connection);
      this.#sessions.remove(address);
    });
    if (this.#closing) connection.close();
  }

  #clientOf(request: IncomingMessage): SocketAddress {
    const forwarded = request.headersDistinct["x-forwarded-for"]?.join(",");
    return this.#proxies.clientOf(peerOf(request.socket), forwarded);
  }
}

async function decide(offer: UpgradeOffer, onOffer: (offer: WebSessionOffer) => void | Promise<void>): Promise<void> {
  try {
    await onOffer(offer);
  } catch (error) {
    offer.failed(error);
  }
}

/** What `ws` would refuse without asking us (RFC 6455 section 4.2.1). */
function isWebSocket({ method, headers }: IncomingMessage): boolean {
  const key = headers["sec-websocket-key"];
  return (
    method === "GET" &&
    headers.upgrade?.toLowerCase() === "websocket" &&
    headers["sec-websocket-version"] === "13" &&
    key !== undefined &&
    /^[+/0-9A-Za-z]{22}==$/.test(key)
  );
}

function urlOf(request: IncomingMessage): URL | undefined {
  const scheme = "encrypted" in request.socket ? "https" : "http";
  const { host } = request.headers;
  if (host === undefined || !request.url?.startsWith("/")) return undefined;
  try {
    return new URL(`${scheme}://${host}${request.url}`);
  } catch {
    return undefined;
  }
}

function loaded(given: ServerCertificates): readonly LoadedCertificate[] {
  return ("chain" in given ? [given] : given).map(checkCertificate);
}
