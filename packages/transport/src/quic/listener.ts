/** Accepts QUIC connections on a UDP port, by application protocol. */
import {
  type ConnectionBytes,
  connectionBytes,
  EngineError,
  type NamedCertificate,
  type ServerConfigOptions,
} from "@moqingbird/engine";
import { bareHost, checkPort, type SocketAddress } from "../address.ts";
import type { CloseOptions, Connection } from "../connection.ts";
import { TransportError } from "../errors.ts";
import { checkCertificate, type LoadedCertificate } from "../tls/certificate.ts";
import type { CertificateSource, ServerCertificates } from "../tls/certificate-source.ts";
import type { SocketBuffers } from "../udp/backend.ts";
import { Endpoint } from "./endpoint.ts";
import { numbersOf, type ObservingOptions } from "./observing.ts";
import type { Rejection } from "./rejections.ts";
import type { Runtime } from "./runtime.ts";
import { checkAlpn, type TransportSettings } from "./settings.ts";

/** Options of a listener. */
export interface QuicListenOptions extends ObservingOptions {
  /** IP literal to bind. Default: all addresses, IPv6 and IPv4; IPv4 alone on a host without IPv6. */
  readonly host?: string;
  /** Default 0: the system chooses; see `listener.address`. */
  readonly port?: number;
  /** One certificate, several by the name a client asks for, or a source whose certificates change while the listener runs. */
  readonly certificate: ServerCertificates | CertificateSource;
  /** Application protocols taken, the favourite first: the first that the client offers too is used. */
  readonly alpn: readonly string[];
  /** Called for each connection whose handshake is done, before its first stream: set `connection.handler` here. */
  readonly onConnection: (connection: Connection) => void;
  /** Told of handshakes that came to nothing, at most ten a second; the next one says how many went untold. */
  readonly onRejected?: (rejection: Rejection) => void;
  /** The engine of this thread crashed: all connections are over, and the listener goes on with another engine. */
  readonly onRestart?: (error: TransportError) => void;
  readonly transport?: TransportSettings;
  /**
   * Takes 0-RTT: what clients with a ticket of this listener say before the handshake is kept, within the windows, until the
   * handshake is done, and then delivered. Tickets then stand for sessions that the listener keeps, the newest 4096: each is
   * good once, and after another certificate, a crash or a restart none is. Not beside `webTransport` or `fetch`. Default false.
   */
  readonly earlyData?: boolean;
  readonly limits?: ListenLimits;
  /** Kernel buffer to ask for, each way, in bytes. Default 4 MiB; what was granted is in `listener.socketBuffers`. */
  readonly socketBufferBytes?: number;
  /** Several threads listen on one port, the kernel spreads packets (Linux, Node 23 and later). Default false. */
  readonly reusePort?: boolean;
  /** Aborting closes the listener. */
  readonly signal?: AbortSignal;
}

/**
 * Limits of one listener, each an integer of 1 or more. Clients above them are refused (CONNECTION_REFUSED), which
 * `onRejected` tells. An address is an IPv4 address or an IPv6 /64: many clients behind one translator count as one, so
 * raise what is said of addresses where crowds come from few of them. A connection counts for the address it began at.
 */
export interface ListenLimits {
  /** Handshakes under way; from an eighth of it on clients must prove their address (Retry: a round trip). Default 1024. */
  readonly maxHandshakes?: number;
  /** Connections. Default: as many as the engine of the thread holds (4096). */
  readonly maxConnections?: number;
  /**
   * Handshakes under way with one address; from an eighth of it on it must be proven, and only proven ones are refused: who
   * forges an address locks nobody out. Default: an eighth of maxHandshakes, at least 16; for loopback addresses all.
   */
  readonly maxHandshakesPerAddress?: number;
  /** Connections of one address. Default: a quarter of maxConnections, at least 16; for loopback addresses all. */
  readonly maxConnectionsPerAddress?: number;
}

/** An open UDP port that accepts connections. */
export interface Listener extends AsyncDisposable {
  readonly address: SocketAddress;
  /** What is open now. */
  readonly connections: ReadonlySet<Connection>;
  /** What new connections are shown; see {@link ServerCertificates}. */
  readonly certificates: readonly LoadedCertificate[];
  /** Kernel buffers of the socket, asked for and granted. */
  readonly socketBuffers: SocketBuffers;
  /** Memory one of its connections may take of the engine's, whose budget is in {@link engineMemory}. */
  readonly connectionBytes: ConnectionBytes;
  /**
   * New connections get this certificate, or one of these; open ones go on. A source given to `listen` replaces it at its next
   * change. Errors: as for `listen`, and the listener shows what it showed before.
   */
  setCertificate(certificate: ServerCertificates): void;
  /** Closes every connection with code and reason, sends that, then closes the socket. Repeatable. */
  close(options?: CloseOptions): Promise<void>;
  /**
   * Resolves when the socket is closed; with an error if the engine crashed once too often. After a crash the listener
   * goes on with a new engine, its connections are over (`engine-crashed`), and their peers are told so. Never rejects.
   */
  readonly closed: Promise<TransportError | undefined>;
  /** The port keeps the process alive (the default). */
  ref(): this;
  /** Lets the process end although the port is open. */
  unref(): this;
}

/**
 * Listens for QUIC connections; `beforeClose` may bring what runs on them to an end first. Errors: `address-in-use`,
 * `address-invalid`, `certificate-unreadable`, `key-unreadable`, `key-mismatch`, `option-invalid`.
 */
export async function listenQuic(
  shared: Runtime,
  options: Omit<QuicListenOptions, "certificate"> & { readonly certificate: ServerCertificates },
  beforeClose?: (options: CloseOptions) => Promise<void>,
): Promise<Listener> {
  const { port = 0, alpn, transport = {}, earlyData = false, limits = {}, signal, reusePort = false } = options;
  signal?.throwIfAborted();
  const host = options.host === undefined ? undefined : bareHost(options.host);
  checkPort(port, host ?? "::", 0);
  checkAlpn(alpn);
  const observing = shared.observers.add(options);
  const configs = new ServerConfigs(shared, { alpn, transport, earlyData, ...numbersOf(observing) });
  let endpoint: Endpoint;
  try {
    const serverConfig = configs.add(options.certificate);
    endpoint = await Endpoint.open(shared, {
      serverConfig,
      observing,
      limits,
      alpn,
      transport,
      udp: {
        // "::" by name means the same as nothing: both families, or IPv4 on a host without IPv6.
        ...(host === undefined || host === "::" ? {} : { address: host }),
        port,
        reusePort,
        ...(options.socketBufferBytes === undefined ? {} : { bufferBytes: options.socketBufferBytes }),
      },
    });
  } catch (error) {
    configs.free();
    observing.release();
    throw error;
  }
  const listener = new QuicListener(shared, endpoint, configs, options, beforeClose);
  if (signal?.aborted) {
    await listener.close();
    signal.throwIfAborted();
  }
  const aborted = () => void listener.close();
  signal?.addEventListener("abort", aborted, { once: true });
  void listener.closed.then(() => signal?.removeEventListener("abort", aborted));
  return listener;
}

class QuicListener implements Listener {
  readonly closed: Promise<TransportError | undefined>;
  readonly connectionBytes: ConnectionBytes;
  readonly #runtime: Runtime;
  readonly #endpoint: Endpoint;
  readonly #configs: ServerConfigs;
  readonly #beforeClose: ((options: CloseOptions) => Promise<void>) | undefined;
  #over = false;
  #closing: Promise<void> | undefined;

  constructor(
    shared: Runtime,
    endpoint: Endpoint,
    configs: ServerConfigs,
    { onConnection, onRejected, onRestart, transport }: QuicListenOptions,
    beforeClose: ((options: CloseOptions) => Promise<void>) | undefined,
  ) {
    this.connectionBytes = connectionBytes(transport);
    this.#beforeClose = beforeClose;
    this.#runtime = shared;
    this.#endpoint = endpoint;
    this.#configs = configs;
    endpoint.onAccept = onConnection;
    endpoint.onRejected = onRejected;
    endpoint.onRestart = onRestart;
    endpoint.reconfigure = () => configs.renew();
    this.closed = new Promise((resolve) => {
      endpoint.onClosed = (error) => {
        if (error === undefined) configs.free();
        this.#over = true;
        resolve(error);
      };
    });
  }

  get address(): SocketAddress {
    return this.#endpoint.address;
  }

  get connections(): ReadonlySet<Connection> {
    return this.#endpoint.connections;
  }

  get certificates(): readonly LoadedCertificate[] {
    return this.#configs.certificates;
  }

  get socketBuffers(): SocketBuffers {
    return this.#endpoint.buffers;
  }

  setCertificate(certificate: ServerCertificates): void {
    if (this.#over) throw new TransportError("closed", { what: "listener" });
    this.#runtime.engine.setServerConfig(this.#endpoint.handle, this.#configs.add(certificate));
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#shut(options);
    return this.#closing;
  }

  async #shut(options: CloseOptions): Promise<void> {
    if (this.#runtime.busy) await new Promise<void>((resolve) => this.#runtime.later(resolve));
    if (!this.#over) {
      this.#over = true;
      this.#runtime.unlessStale(() => this.#runtime.engine.setServerConfig(this.#endpoint.handle, -1));
      await this.#beforeClose?.(options);
      for (const connection of [...this.#endpoint.connections]) connection.close(options);
    }
    await this.#endpoint.close();
  }

  ref(): this {
    this.#endpoint.ref();
    return this;
  }

  unref(): this {
    this.#endpoint.unref();
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

type SharedOptions = Omit<ServerConfigOptions, "certificateChain" | "privateKey" | "named">;

/** The listener's present configuration in the engine. */
class ServerConfigs {
  readonly #runtime: Runtime;
  certificates: readonly LoadedCertificate[] = [];
  readonly #options: SharedOptions;
  #id: number | undefined;

  constructor(shared: Runtime, options: SharedOptions) {
    this.#runtime = shared;
    this.#options = options;
  }

  /** Makes a configuration of the certificates, which takes the place of the one before. */
  add(given: ServerCertificates): number {
    return this.#add(("chain" in given ? [given] : given).map(checkCertificate));
  }

  #add(certificates: readonly LoadedCertificate[]): number {
    const [first] = certificates;
    if (first === undefined) {
      throw new TransportError("option-invalid", { option: "certificate", detail: "there is none in the list" });
    }
    const { engine } = this.#runtime;
    let id: number;
    try {
      id = engine.addServerConfig({
        certificateChain: first.chain,
        privateKey: first.key,
        named: certificates.length === 1 ? [] : certificates.map(named),
        ...this.#options,
      });
    } catch (error) {
      throw configError(error, whereOf(certificates, "chain"), whereOf(certificates, "key"));
    }
    this.free();
    this.#id = id;
    this.certificates = certificates;
    return id;
  }

  /** The same configuration in a new engine. */
  renew(): number {
    this.#id = undefined;
    return this.#add(this.certificates);
  }

  free(): void {
    const id = this.#id;
    this.#id = undefined;
    if (id !== undefined) this.#runtime.unlessStale(() => this.#runtime.engine.freeConfig(id));
  }
}

function named({ names, chain, key }: LoadedCertificate): NamedCertificate {
  return { names, certificateChain: chain, privateKey: key };
}

/** What error sentences call what was given. */
function whereOf(certificates: readonly LoadedCertificate[], what: "chain" | "key"): string {
  return certificates.map(({ where }) => where?.[what] ?? "").join(", ");
}

function configError(error: unknown, chain: string, key: string): unknown {
  if (!(error instanceof EngineError)) return error;
  const cause = { cause: error };
  switch (error.code) {
    case "certificate-invalid":
      return new TransportError("certificate-unreadable", { where: chain, detail: error.message }, cause);
    case "key-invalid":
      return new TransportError("key-unreadable", { where: key, detail: error.message }, cause);
    case "key-mismatch":
      return new TransportError("key-mismatch", { chain, key }, cause);
    case "option-invalid":
      return new TransportError("option-invalid", { option: "of listen", detail: error.message }, cause);
    default:
      return error;
  }
}
