/** One UDP socket with the engine's endpoint behind it, and the connections that live on it. */
import { type EndpointOptions, EngineError } from "@moqingbird/engine";
import { formatAddress, type SocketAddress } from "../address.ts";
import type { CloseInfo } from "../connection.ts";
import { TransportError } from "../errors.ts";
import type { SocketBuffers, UdpBackend, UdpOptions, UdpOwner } from "../udp/backend.ts";
import { rejectedChannel } from "./channels.ts";
import type { CloseContext } from "./close-info.ts";
import type { Observing } from "./observing.ts";
import { QuicConnection } from "./quic-connection.ts";
import { Refusals } from "./refusals.ts";
import { type Rejection, RejectionRate } from "./rejections.ts";
import type { Runtime } from "./runtime.ts";
import {
  defaultHandshakeTimeoutMs,
  defaultIdleTimeoutMs,
  defaultMaxBidiStreams,
  defaultMaxUniStreams,
  defaultSocketBufferBytes,
  defaultStreamCreditBytes,
  type TransportSettings,
} from "./settings.ts";

/** How to open an endpoint. */
export interface EndpointStart {
  /** Engine configuration of the server side; -1 for a client. */
  readonly serverConfig: number;
  readonly limits?: EndpointOptions;
  readonly alpn: readonly string[];
  readonly transport: TransportSettings;
  /** Numbers to give up when nothing is left of it. */
  readonly observing: Observing;
  /** A client's trust is by fingerprint. */
  readonly pinned?: boolean;
  readonly udp: Omit<UdpOptions, "bufferBytes"> & { readonly bufferBytes?: number };
}

/** A socket that a listener accepts on, or that one client connection uses. */
export class Endpoint implements UdpOwner {
  /** The engine's; another one after a crash. */
  handle: number;
  readonly connections = new Set<QuicConnection>();
  /** A connection was accepted; set by the listener. */
  onAccept: ((connection: QuicConnection) => void) | undefined;
  /** Makes the server configuration anew after a crash of the engine; set by the listener. */
  reconfigure: (() => number) | undefined;
  /** A handshake failed, or never began; set by the listener. */
  onRejected: ((rejection: Rejection) => void) | undefined;
  /** Another engine has taken over; set by the listener. */
  onRestart: ((error: TransportError) => void) | undefined;
  /** The endpoint is closed, by an error or by its owner; set by the listener. */
  onClosed: ((error: TransportError | undefined) => void) | undefined;

  readonly #runtime: Runtime;
  readonly #start: EndpointStart;
  /** Set right after construction, by `open`. */
  #backend!: UdpBackend;
  #peer = -1;
  #closing: Promise<void> | undefined;
  /** Why the engine behind it is gone. */
  #crash: TransportError | undefined;
  readonly #refusals = new Refusals();
  readonly #rejections = new RejectionRate();

  private constructor(runtime: Runtime, handle: number, start: EndpointStart) {
    this.#runtime = runtime;
    this.handle = handle;
    this.#start = start;
  }

  /** Binds the socket. Errors: `address-in-use`, `address-invalid`, `unreachable`, `limit-reached`, `option-invalid`. */
  static async open(runtime: Runtime, start: EndpointStart): Promise<Endpoint> {
    const endpoint = new Endpoint(runtime, openEngineEndpoint(runtime, start), start);
    runtime.endpoints.add(endpoint);
    try {
      const { bufferBytes = defaultSocketBufferBytes } = start.udp;
      endpoint.#backend = await runtime.openUdp({ ...start.udp, bufferBytes }, endpoint);
      if (endpoint.#crash !== undefined) {
        await endpoint.#backend.close();
        throw endpoint.#crash;
      }
    } catch (error) {
      runtime.endpoints.delete(endpoint);
      if (endpoint.#crash === undefined) runtime.engine.closeEndpoint(endpoint.handle, runtime.now());
      start.observing.release();
      throw error;
    }
    const { peer } = start.udp;
    if (peer !== undefined) endpoint.#peer = runtime.peers.index(peer.address, peer.port);
    return endpoint;
  }

  get address(): SocketAddress {
    return this.#backend.local;
  }

  get buffers(): SocketBuffers {
    return this.#backend.buffers;
  }

  /** Starts the handshake of this client endpoint's one connection. */
  connect(config: number, serverName: string, peerName: string): QuicConnection {
    const { engine } = this.#runtime;
    let handle: number;
    try {
      handle = engine.connect(this.handle, config, this.#peer, serverName, this.#runtime.now());
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.code === "limit-reached") {
        throw new TransportError("limit-reached", { what: "connection", detail: error.message }, { cause: error });
      }
      throw new TransportError("option-invalid", { option: "serverName", detail: error.message }, { cause: error });
    }
    const connection = this.#adopt(handle, "client", this.#peer, peerName);
    this.#runtime.touch();
    return connection;
  }

  /** The engine has accepted a connection. */
  accept(handle: number, peer: number): void {
    const { address, port } = this.#runtime.peers.socketAddress(peer);
    const connection = this.#adopt(handle, "server", peer, formatAddress(address, port));
    connection.onConnected();
    connection.guard(() => this.onAccept?.(connection));
  }

  /** Nothing came of a client's handshake. */
  rejected(peer: number | undefined, info: CloseInfo): void {
    if (this.onRejected === undefined && !rejectedChannel.hasSubscribers) return;
    const remoteAddress = peer === undefined ? undefined : this.#runtime.peers.socketAddress(peer);
    rejectedChannel.publish({ remoteAddress, info });
    const untold = this.#rejections.take(this.#runtime.now());
    if (untold !== undefined) warnOfThrow(() => this.onRejected?.({ remoteAddress, info, untold }));
  }

  closeContext(connection: QuicConnection): CloseContext {
    const { alpn, transport, pinned = false } = this.#start;
    return {
      where: connection.peerName,
      side: connection.side,
      alpn,
      established: connection.established,
      handshakeTimeoutMs: transport.handshakeTimeoutMs ?? defaultHandshakeTimeoutMs,
      idleTimeoutMs: transport.idleTimeoutMs ?? defaultIdleTimeoutMs,
      pinned,
      refusedSends: connection.refusedSends,
    };
  }

  connectionClosed(connection: QuicConnection): void {
    this.connections.delete(connection);
    if (this.#isClient) this.#backend.unref(); // what is left is courtesy to the peer: nobody should wait for it
  }

  connectionDrained(_connection: QuicConnection): void {
    if (this.#isClient) void this.close();
  }

  ref(): void {
    this.#backend.ref();
  }

  unref(): void {
    this.#backend.unref();
  }

  refClient(): void {
    if (this.#isClient) this.#backend.ref();
  }

  unrefClient(): void {
    if (this.#isClient) this.#backend.unref();
  }

  /** Ends what is left on it (CONNECTION_CLOSE with code 0), lets the last packets leave, and closes the socket. */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  /**
   * The engine is gone. The socket of a listener goes on with the next engine, which tells the peers of the old one that
   * they are forgotten; any other socket closes, because its connection is over. Returns whether this one goes on.
   */
  onCrash(error: TransportError, mayRevive: boolean): boolean {
    if (mayRevive && this.reconfigure !== undefined && this.#closing === undefined) {
      try {
        this.#backend.disown();
        this.handle = openEngineEndpoint(this.#runtime, { ...this.#start, serverConfig: this.reconfigure() });
        this.#runtime.endpoints.add(this);
        warnOfThrow(() => this.onRestart?.(error));
        return true;
      } catch (cause) {
        error.cause ??= cause;
      }
    }
    this.#crash = error;
    this.#closing ??= Promise.resolve(this.#backend?.close());
    this.#start.observing.release();
    this.onClosed?.(error);
    return false;
  }

  async #shut(): Promise<void> {
    const runtime = this.#runtime;
    if (runtime.busy) await new Promise<void>((resolve) => runtime.later(resolve));
    runtime.unlessStale(() => runtime.engine.closeEndpoint(this.handle, runtime.now()));
    await runtime.flushed();
    runtime.endpoints.delete(this);
    await this.#backend.close();
    this.#start.observing.release();
    if (this.#crash === undefined) this.onClosed?.(undefined);
  }

  // --- Packets ----------------------------------------------------------------------------------------------------

  push(slot: number, packet: Uint8Array, peer: number, ecn: number): void {
    const { peers } = this.#runtime;
    this.#backend.push(slot, packet, peers.address(peer), peers.port(peer), ecn);
  }

  flush(): boolean {
    return this.#backend.flush();
  }

  received(packet: Uint8Array, address: string, port: number, ecn: number): void {
    if (this.#crash !== undefined) return;
    this.#refusals.count = 0;
    const peer = this.#peer >= 0 ? this.#peer : this.#runtime.peers.index(address, port);
    if (peer >= 0) this.#runtime.receive(packet, this.handle, peer, ecn);
  }

  released(slot: number): void {
    if (this.#crash === undefined) this.#runtime.engine.releaseTx(slot);
  }

  refused(): void {
    for (const connection of this.connections) {
      if (!connection.established) {
        connection.giveUp(new TransportError("connection-refused", { where: connection.peerName }));
        continue;
      }
      connection.refusedSends++;
      const { sentPackets } = this.#runtime.engine.stats(connection.handle);
      const silentMs = this.#refusals.add(this.#runtime.now(), sentPackets);
      if (silentMs === undefined) continue;
      const detail = `${(silentMs / 1000).toFixed(1)} s`;
      connection.giveUp(new TransportError("peer-gone", { where: connection.peerName, detail }));
    }
  }

  unreachable(error: Error): void {
    for (const connection of this.connections) {
      if (connection.established) continue; // it may come back before the idle time-out
      const values = { where: connection.peerName, detail: error.message };
      connection.giveUp(new TransportError("unreachable", values, { cause: error }));
    }
  }

  get #isClient(): boolean {
    return this.#start.serverConfig === -1;
  }

  #adopt(handle: number, side: "client" | "server", peer: number, peerName: string): QuicConnection {
    const streamCreditBytes = this.#start.transport.streamCreditBytes ?? defaultStreamCreditBytes;
    const { maxBidiStreams = defaultMaxBidiStreams, maxUniStreams = defaultMaxUniStreams } = this.#start.transport;
    const connection = new QuicConnection(this.#runtime, this, {
      handle,
      side,
      peer,
      peerName,
      streamCreditBytes,
      maxStreams: [maxBidiStreams, maxUniStreams],
    });
    this.connections.add(connection);
    this.#runtime.connections.add(connection);
    return connection;
  }
}

/** What a callback throws concerns no connection: it becomes a warning of the process. */
function warnOfThrow(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

function openEngineEndpoint(runtime: Runtime, { serverConfig, limits }: EndpointStart): number {
  try {
    return runtime.engine.openEndpoint(serverConfig, limits);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.code === "option-invalid") {
      throw new TransportError("option-invalid", { option: "limits", detail: error.message }, { cause: error });
    }
    if (error.code !== "limit-reached") throw error;
    throw new TransportError("limit-reached", { what: "socket", detail: error.message }, { cause: error });
  }
}
