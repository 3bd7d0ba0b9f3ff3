/**
 * One TCP port that takes HTTPS and HTTP: a TLS connection begins with a byte that no request can begin with (RFC 8446
 * section 5.1, content type 22).
 */
import * as http from "node:http";
import * as https from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { type SocketAddress, unmapAddress } from "../address.ts";
import { errnoOf, messageOf, TransportError } from "../errors.ts";
import type { LoadedCertificate } from "../tls/certificate.ts";
import { selectCertificate } from "../tls/certificate-source.ts";

/** What arrives at the port. */
export interface TcpHandlers {
  /** False: the connection is closed at once. */
  readonly admits: (socket: Socket) => boolean;
  readonly onRequest: (request: http.IncomingMessage, response: http.ServerResponse) => void;
  readonly onUpgrade: (request: http.IncomingMessage, socket: Socket, head: Buffer) => void;
}

/** Options of {@link TcpPort}. */
export interface TcpPortOptions extends TcpHandlers {
  readonly host: string | undefined;
  readonly port: number;
  /** At least one; see `selectCertificate`. */
  readonly certificates: readonly LoadedCertificate[];
  /** HTTP without TLS is taken too. */
  readonly plain: boolean;
  /** Connections at a time; more are closed at once. */
  readonly maxConnections: number;
  /** Time for the first byte, for a TLS handshake, and for a request's head, in milliseconds. */
  readonly headTimeoutMs: number;
}

const tlsHandshake = 22;
/** How many times within that time Node looks for requests that are late; by itself only every 30 s. */
const looksPerTimeout = 4;
/** What is still open so long after the close is cut off: above what a WebSocket's close may take. */
const closeGraceMs = 2500;
/** A request's head may have so much. */
const maxHeaderBytes = 16_384;

interface TcpPortParts {
  readonly server: Server;
  readonly secure: https.Server;
  readonly plain: http.Server;
  readonly contexts: SecureContexts;
  readonly admits: (socket: Socket) => boolean;
}

/** An open TCP port. */
export class TcpPort {
  readonly #server: Server;
  readonly #https: https.Server;
  readonly #http: http.Server;
  readonly #contexts: SecureContexts;
  readonly #sockets = new Set<Socket>();

  private constructor({ server, secure, plain, contexts, admits }: TcpPortParts) {
    this.#contexts = contexts;
    this.#server = server;
    this.#https = secure;
    this.#http = plain;
    server.on("connection", (socket) => {
      if (!admits(socket)) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Errors: `address-in-use`, `address-invalid`. */
  static async open(options: TcpPortOptions): Promise<TcpPort> {
    const { headTimeoutMs } = options;
    const limits = {
      headersTimeout: headTimeoutMs,
      requestTimeout: headTimeoutMs,
      connectionsCheckingInterval: Math.ceil(headTimeoutMs / looksPerTimeout),
      maxHeaderSize: maxHeaderBytes,
    };
    const contexts = new SecureContexts(options.certificates);
    const secure = https.createServer({
      ...limits,
      ...pemOf(options.certificates[0]),
      SNICallback: (serverName, done) => done(null, contexts.select(serverName)),
      handshakeTimeout: headTimeoutMs,
    });
    const plain = http.createServer(limits);
    for (const server of [secure, plain]) {
      server.on("request", options.onRequest);
      server.on("upgrade", (request, socket, head) => options.onUpgrade(request, socket as Socket, head));
    }
    const server = options.plain ? createServer((socket) => sort(socket, { secure, plain, headTimeoutMs })) : secure;
    server.maxConnections = options.maxConnections;
    const port = new TcpPort({ server, secure, plain, contexts, admits: options.admits });
    await listening(server, options);
    // Neither listens by itself, and only who listens looks after its time-outs.
    for (const sorted of [secure, plain]) if (sorted !== server) sorted.emit("listening");
    return port;
  }

  get address(): SocketAddress {
    const { address, port } = this.#server.address() as AddressInfo;
    return { address: unmapAddress(address), port };
  }

  /** New connections get one of these certificates. */
  setCertificates(certificates: readonly LoadedCertificate[]): void {
    this.#https.setSecureContext?.(pemOf(certificates[0])); // Bun has none, and goes on with what it had
    this.#contexts.replace(certificates);
  }

  /** Takes no more, ends what is idle, and after a moment whatever is left. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const server of [this.#https, this.#http]) {
      server.closeIdleConnections();
      if (server !== this.#server) server.close(); // its time-outs
    }
    const patience = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, closeGraceMs);
    await closed;
    clearTimeout(patience);
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

/** TLS set up for each certificate, for clients that ask for a name; the server's own context is for those that ask for none. */
class SecureContexts {
  #all: readonly { readonly names: readonly string[]; readonly context: SecureContext }[] = [];

  constructor(certificates: readonly LoadedCertificate[]) {
    this.replace(certificates);
  }

  replace(certificates: readonly LoadedCertificate[]): void {
    this.#all = certificates.map((one) => ({ names: one.names, context: createSecureContext(pemOf(one)) }));
  }

  select(serverName: string): SecureContext {
    return selectCertificate(this.#all, serverName).context;
  }
}

function pemOf(certificate: LoadedCertificate | undefined): { readonly cert: string; readonly key: string } {
  return { cert: certificate?.chain ?? "", key: certificate?.key ?? "" };
}

function listening(server: Server, { host, port }: { host: string | undefined; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = `${host ?? "*"}:${port} (TCP)`;
    server.once("error", (cause) => {
      if (errnoOf(cause) === "EADDRINUSE") reject(new TransportError("address-in-use", { where }, { cause }));
      else reject(new TransportError("address-invalid", { where, detail: messageOf(cause) }, { cause }));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.removeAllListeners("error");
      server.on("error", (error) => process.emitWarning(error)); // of accepting, when descriptors run out
      resolve();
    });
  });
}

/** Looks at the first byte, puts it back, and passes the socket on. */
function sort(
  socket: Socket,
  { secure, plain, headTimeoutMs }: { secure: https.Server; plain: http.Server; headTimeoutMs: number },
): void {
  const giveUp = () => socket.destroy();
  const read = () => {
    const first = socket.read(1) as Buffer | null;
    if (first === null) return;
    socket.setTimeout(0);
    for (const event of ["timeout", "error", "end"]) socket.off(event, giveUp);
    socket.off("readable", read);
    socket.unshift(first);
    (first[0] === tlsHandshake ? secure : plain).emit("connection", socket);
  };
  socket.setTimeout(headTimeoutMs);
  for (const event of ["timeout", "error", "end"]) socket.on(event, giveUp);
  socket.on("readable", read);
}
