/** A WebSocket that a client asks for, and the server's answer. */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { SocketAddress } from "../address.ts";
import { messageOf, TransportError } from "../errors.ts";
import type { FieldLine } from "../h3/field-line.ts";
import { isField } from "../h3/message.ts";
import { QmuxConnection } from "../qmux/qmux-connection.ts";
import type { QmuxSettings } from "../qmux/settings.ts";
import { systemCarrierTimers } from "../qmux/system-timers.ts";
import { chosenSubprotocol, knownSubprotocols, noSubprotocol, type Subprotocol } from "../qmux/versions.ts";
import type { WebSessionOffer } from "../webtransport/web-session.ts";
import { maxPayloadOf } from "./limits.ts";
import { closeTimeoutMs, SocketCarrier } from "./socket-carrier.ts";

/** A request to upgrade, as Node tells of it. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly url: URL;
  readonly remoteAddress: SocketAddress;
  readonly serverName: string;
  readonly settings: QmuxSettings | undefined;
  readonly answerTimeoutMs: number;
  /** Told when the request is answered: with the connection, or without one. */
  readonly onSettled: (connection: QmuxConnection | undefined) => void;
}

/** Missing in the types of `ws`. */
const closing = { closeTimeout: closeTimeoutMs };

/** One request. */
export class UpgradeOffer implements WebSessionOffer {
  readonly url: URL;
  readonly fields: readonly FieldLine[];
  readonly protocols: readonly string[];
  readonly origin: string | undefined;
  readonly remoteAddress: SocketAddress;
  readonly serverName: string;
  readonly signal: AbortSignal;

  readonly #upgrade: UpgradeRequest;
  readonly #offered: readonly Subprotocol[];
  readonly #abort = new AbortController();
  readonly #timeout: NodeJS.Timeout;
  #pending = true;

  constructor(upgrade: UpgradeRequest) {
    const { headers } = upgrade.request;
    this.#upgrade = upgrade;
    this.#offered = knownSubprotocols(headers["sec-websocket-protocol"]);
    this.url = upgrade.url;
    this.fields = fieldsOf(upgrade.request);
    this.protocols = [...new Set(this.#offered.map(({ protocol }) => protocol).filter((name) => name !== ""))];
    this.origin = headers.origin;
    this.remoteAddress = upgrade.remoteAddress;
    this.serverName = upgrade.serverName;
    this.signal = this.#abort.signal;
    this.#timeout = setTimeout(() => this.reject(503), upgrade.answerTimeoutMs);
    this.#timeout.unref();
    upgrade.socket.on("error", ignore);
    upgrade.socket.once("close", this.#gone);
  }

  get pending(): boolean {
    return this.#pending;
  }

  /**
   * The session begins. Without a protocol, a bare version is agreed on, or, for a client that offers none, its favourite
   * protocol: something has to be spoken.
   */
  accept({
    protocol,
    fields = [],
  }: {
    readonly protocol?: string;
    readonly fields?: readonly FieldLine[];
  }): QmuxConnection {
    if (!this.#pending) throw new TransportError("closed", { what: "request for a session" });
    const { request, socket, head, settings, onSettled } = this.#upgrade;
    const chosen = this.#choose(protocol);
    checkFields(fields);
    this.#settle();
    let webSocket: WebSocket | undefined;
    const server = serverFor(chosen, fields);
    server.handleUpgrade(request, socket, head, (opened) => {
      webSocket = opened;
    });
    if (webSocket === undefined) {
      onSettled(undefined);
      throw new TransportError("closed", { what: "request for a session" }); // `ws` found fault with it, and answered
    }
    const carrier = new SocketCarrier(webSocket, socket, this.remoteAddress);
    const connection = new QmuxConnection({
      side: "server",
      subprotocol: chosen,
      carrier,
      timers: systemCarrierTimers,
      peerName: `${this.remoteAddress.address}:${this.remoteAddress.port}`,
      serverName: this.serverName,
      settings,
      onFault: (error) => process.emitWarning(error),
    });
    carrier.attach(connection);
    onSettled(connection);
    return connection;
  }

  reject(status: number, fields: readonly FieldLine[] = []): void {
    if (!Number.isInteger(status) || status < 300 || status > 599) {
      throw new TransportError("option-invalid", { option: "status", detail: `${status} is not within 300 and 599` });
    }
    checkFields(fields);
    if (!this.#pending) return;
    this.#settle();
    refuseUpgrade(this.#upgrade.socket, status, fields);
    this.#upgrade.onSettled(undefined);
  }

  /** Whoever had to decide threw. */
  failed(error: unknown): void {
    process.emitWarning(`A handler of session requests failed: ${messageOf(error)}`, { code: "MOQINGBIRD_HANDLER" });
    this.reject(500);
  }

  #choose(protocol: string | undefined): Subprotocol {
    if (this.#offered.length === 0 && protocol === undefined) return noSubprotocol;
    const chosen = chosenSubprotocol(this.#offered, protocol);
    if (chosen !== undefined) return chosen;
    if (protocol === undefined) return chosenSubprotocol(this.#offered, this.protocols[0]) ?? noSubprotocol;
    throw new TransportError("option-invalid", {
      option: "protocol",
      detail: `${JSON.stringify(protocol)} is not among those the client offers (${this.protocols.join(", ") || "none"})`,
    });
  }

  readonly #gone = (): void => {
    this.#settle();
    this.#abort.abort(new TransportError("closed", { what: "request for a session" }));
    this.#upgrade.onSettled(undefined);
  };

  #settle(): void {
    this.#pending = false;
    clearTimeout(this.#timeout);
    this.#upgrade.socket.off("close", this.#gone);
    this.#upgrade.socket.off("error", ignore);
  }
}

/** Makes the 101 that was decided on. `ws` has its settings by server, so one is made for the occasion; it listens nowhere. */
function serverFor(chosen: Subprotocol, fields: readonly FieldLine[]): WebSocketServer {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false, // what we carry is compressed or encrypted already
    maxPayload: maxPayloadOf(chosen.wire),
    ...closing,
    handleProtocols: () => chosen.name || false,
  });
  server.on("headers", (lines) => {
    for (const [name, value] of fields) lines.push(`${name}: ${value}`);
  });
  return server;
}

/** Answers a request to upgrade with a status instead. */
export function refuseUpgrade(socket: Socket, status: number, fields: readonly FieldLine[] = []): void {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
    "Connection: close",
    "Content-Length: 0",
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.on("error", ignore);
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n`);
}

function fieldsOf(request: IncomingMessage): FieldLine[] {
  return Object.entries(request.headersDistinct).flatMap(([name, values]) =>
    (values ?? []).map((value): FieldLine => [name, value]),
  );
}

function checkFields(fields: readonly FieldLine[]): void {
  const wrong = fields.find((field) => !isField(field));
  if (wrong === undefined) return;
  throw new TransportError("option-invalid", { option: "headers", detail: `${wrong[0]} is no field that can be sent` });
}

function ignore(): void {}
