/**
 * `connect`: a QUIC connection to a host. All of the host's addresses are tried, a quarter second apart or as soon as one
 * fails, and the first whose handshake completes is used (RFC 8305, "happy eyeballs").
 */
import { bareHost, checkPort, formatAddress, resolveHost } from "../address.ts";
import { mostTelling } from "../comfort/race.ts";
import type { Connection, EarlyConnection } from "../connection.ts";
import { TransportError } from "../errors.ts";
import type { Trust } from "../tls/trust.ts";
import { Endpoint } from "./endpoint.ts";
import type { ObservingOptions } from "./observing.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { Runtime } from "./runtime.ts";
import { checkAlpn, defaultHandshakeTimeoutMs, type TransportSettings } from "./settings.ts";
import { runtime } from "./thread.ts";

/** Options of {@link connect}. */
export interface ConnectOptions extends ObservingOptions {
  /** Host name or IP literal (IPv6 with or without brackets). */
  readonly host: string;
  readonly port: number;
  /** Application protocols offered, the favourite first. */
  readonly alpn: readonly string[];
  /** Name to ask for and to check the certificate against. Default: `host`. */
  readonly serverName?: string;
  /** Whom to believe. Default "system". */
  readonly trust?: Trust;
  /** Time for everything, name look-up included, in milliseconds. Default 10000. */
  readonly timeoutMs?: number;
  readonly transport?: Omit<TransportSettings, "handshakeTimeoutMs">;
  /** Kernel buffer to ask for, each way, in bytes. Default 4 MiB. */
  readonly socketBufferBytes?: number;
  /**
   * Asks for 0-RTT: called at most once, before the handshake is done, if a ticket of an earlier connection with equal
   * options allows it. What streams opened in it have to say leaves at once, and **whoever records it can send it to the
   * server again**: say nothing that may not arrive twice. Streams that the server did not take (`connection.earlyData`
   * "rejected", or another address answered first) end with `early-data-rejected`. Default: nothing is said before.
   */
  readonly onEarlyData?: (connection: EarlyConnection) => void;
  /** Gives up connecting: the promise rejects with the signal's reason. An open connection is not touched. */
  readonly signal?: AbortSignal;
}

/** Time before the next address is tried beside the one under way, ms (RFC 8305 section 5). */
const attemptDelayMs = 250;

/**
 * Connects. Errors: `host-not-found`, `address-invalid`, `connection-refused`, `unreachable`, `handshake-timeout`,
 * `certificate-untrusted`, `no-common-alpn`, `handshake-failed`, `server-refused`, `option-invalid`, and the reason of
 * `signal`.
 */
export function connect(options: ConnectOptions): Promise<Connection> {
  return connectOn(runtime(), options);
}

/** `connect` on a runtime that is not this thread's: a simulated process. */
export async function connectOn(shared: Runtime, options: ConnectOptions): Promise<QuicConnection> {
  const { port, alpn, signal, timeoutMs = defaultHandshakeTimeoutMs } = options;
  const host = bareHost(options.host);
  signal?.throwIfAborted();
  checkPort(port, host, 1);
  checkAlpn(alpn);
  if (!(timeoutMs > 0))
    throw new TransportError("option-invalid", { option: "timeoutMs", detail: "it must be above 0" });
  const attempt = new Attempts(shared, options, host, timeoutMs);
  return attempt.run();
}

/** One call of `connect`: several addresses, one winner. */
class Attempts {
  readonly #runtime: Runtime;
  readonly #options: ConnectOptions;
  readonly #host: string;
  readonly #timeoutMs: number;
  readonly #where: string;
  /** Aborts every attempt but the winner. */
  readonly #stop = new AbortController();
  /** The attempt on which something was said before its handshake. */
  #early: QuicConnection | undefined;

  constructor(shared: Runtime, options: ConnectOptions, host: string, timeoutMs: number) {
    this.#runtime = shared;
    this.#options = options;
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#where = formatAddress(host, options.port);
  }

  run(): Promise<QuicConnection> {
    const { signal } = this.#options;
    return new Promise((resolve, reject) => {
      const aborted = () => fail(signal?.reason);
      const timeout = this.#runtime.executor.schedule(this.#timeoutMs, () => fail(this.#timedOut()));
      const settle = () => {
        timeout.cancel();
        signal?.removeEventListener("abort", aborted);
        this.#stop.abort();
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      signal?.addEventListener("abort", aborted, { once: true });
      this.#race().then((connection) => {
        settle();
        resolve(connection);
      }, fail);
    });
  }

  #timedOut(): TransportError {
    return new TransportError("handshake-timeout", { where: this.#where, ms: this.#timeoutMs });
  }

  async #race(): Promise<QuicConnection> {
    const addresses = await resolveHost(this.#host);
    const failures: unknown[] = [];
    return new Promise((resolve, reject) => {
      let next = 0;
      let running = 0;
      const start = () => {
        const address = addresses[next];
        if (address === undefined || this.#stop.signal.aborted) return;
        next++;
        running++;
        const timer = this.#runtime.executor.schedule(attemptDelayMs, start);
        this.#attempt(address).then(
          (connection) => {
            timer.cancel();
            if (this.#stop.signal.aborted) connection.close();
            else {
              this.#stop.abort();
              if (this.#early !== undefined && this.#early !== connection) connection.earlyData = "rejected";
              resolve(connection);
            }
          },
          (error: unknown) => {
            failures.push(error);
            running--;
            if (timer.cancel()) start();
            if (running === 0 && next >= addresses.length) reject(mostTelling(failures));
          },
        );
      };
      start();
    });
  }

  async #attempt(address: string): Promise<QuicConnection> {
    const { alpn, port, trust = "system", serverName = this.#host.split("%")[0] ?? "" } = this.#options;
    const transport: TransportSettings = { ...this.#options.transport, handshakeTimeoutMs: this.#timeoutMs };
    const observing = this.#runtime.observers.add(this.#options);
    const { socketBufferBytes } = this.#options;
    const earlyData = this.#options.onEarlyData !== undefined;
    let config: number;
    try {
      config = this.#runtime.clientConfigs.id({ alpn, trust, transport, earlyData, observing });
    } catch (error) {
      observing.release();
      throw error;
    }
    const endpoint = await Endpoint.open(this.#runtime, {
      serverConfig: -1,
      observing,
      alpn,
      transport,
      pinned: typeof trust === "object" && "sha256" in trust,
      udp: {
        port: 0,
        peer: { address, port },
        ...(socketBufferBytes === undefined ? {} : { bufferBytes: socketBufferBytes }),
      },
    });
    let connection: QuicConnection;
    try {
      this.#stop.signal.throwIfAborted();
      connection = endpoint.connect(config, serverName, this.#where);
    } catch (error) {
      void endpoint.close();
      throw error;
    }
    return new Promise((resolve, reject) => {
      const stopped = () => connection.close();
      this.#stop.signal.addEventListener("abort", stopped, { once: true });
      connection.onSettled = (info) => {
        this.#stop.signal.removeEventListener("abort", stopped);
        if (info === undefined) resolve(connection);
        else reject(info.error ?? new TransportError("closed", { what: "connection" }));
      };
      if (earlyData) this.#sayEarly(connection);
    });
  }

  #sayEarly(connection: QuicConnection): void {
    if (this.#early !== undefined || !connection.offersEarlyData) return;
    this.#early = connection;
    connection.guard(() => this.#options.onEarlyData?.(connection));
  }
}
