/**
 * A simulated process: a packet loop, an engine in WebAssembly and sockets of its own, exactly as a thread of Node has them,
 * on the timeline's clock, with seeded entropy.
 */
import {
  derivedSeed,
  EventLoop,
  type Host,
  seededEntropy,
  simulationCertificate,
  simulationName,
  simulationWallMillis,
} from "@moqingbird/testing";
import {
  type Certificate,
  type Connection,
  type ConnectOptions,
  certificateFingerprint,
  type Listener,
  type ListenOptions,
  type WebTransport,
  type WebTransportOptions,
} from "@moqingbird/transport";
import { connectOn, listenOn, Runtime, webTransportOn } from "@moqingbird/transport/simulation";
import type { Simulation } from "./simulation.ts";
import { openSimulatedUdp } from "./udp.ts";

/** Port of every simulated server. */
export const serverPort = 4443;

const fingerprint = certificateFingerprint(simulationCertificate.chain);

/** What a process may have of its own. */
export interface ProcessSettings {
  /** Grain of its timers, in µs. Default 1000, Node's. */
  readonly tickMicros?: number;
}

export class Process {
  readonly simulation: Simulation;
  readonly host: Host;
  readonly runtime: Runtime;
  /** Clock and timers, also those of sessions and caches. */
  readonly loop: EventLoop;

  constructor(simulation: Simulation, host: Host, index: number, settings: ProcessSettings = {}) {
    this.simulation = simulation;
    this.host = host;
    this.loop = new EventLoop(simulation.timeline, simulationWallMillis, settings);
    this.runtime = new Runtime({
      clock: this.loop,
      timers: this.loop,
      entropy: seededEntropy(derivedSeed(simulation.seed, 0x1000 + index)),
      openUdp: (options, owner) => openSimulatedUdp(this, options, owner),
    });
  }

  /** As `listen` of the transport, with the simulation's certificate. */
  listen(options: Partial<ListenOptions>): Promise<Listener> {
    const certificate: Certificate = simulationCertificate;
    return listenOn(this.runtime, { host: this.host.address, port: serverPort, certificate, ...options });
  }

  /** As `connect` of the transport, to the server of another process. */
  connect(to: Process, options: Partial<ConnectOptions> & Pick<ConnectOptions, "alpn">): Promise<Connection> {
    return connectOn(this.runtime, {
      host: to.host.address,
      port: serverPort,
      serverName: simulationName,
      trust: { sha256: [fingerprint] },
      ...options,
    });
  }

  /** As `new WebTransport`, to the server of another process. Resolves when the session is there. */
  webTransport(to: Process, options: Omit<WebTransportOptions, "signal"> = {}): Promise<WebTransport> {
    return webTransportOn(this.runtime, `https://${to.host.address}:${serverPort}/`, {
      trust: { sha256: [fingerprint] },
      ...options,
    });
  }
}
