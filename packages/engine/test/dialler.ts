/** A client that comes again and again, and keys and servers for it. */
import type { ClientConfigOptions, EngineKeys } from "@moqingbird/engine";
import type { TestCertificate } from "@moqingbird/testing";
import type { TestHost } from "./host.ts";
import { Network, type NetworkOptions } from "./network.ts";
import { seededBytes } from "./random.ts";

/** Keys of a host. */
export const keysOf = (seed: number): EngineKeys => ({
  statelessReset: seededBytes(32, seed),
  token: seededBytes(32, seed + 1),
  ticket: seededBytes(32, seed + 2),
});

/** What {@link serve} offers. */
export interface Serving {
  readonly leaf: TestCertificate;
  readonly alpn?: readonly string[];
  /** Every client that has not proved its address must (Retry). */
  readonly retry?: boolean;
  /** Takes 0-RTT. */
  readonly earlyData?: boolean;
}

/** The host listens. */
export function serve(host: TestHost, { leaf, alpn = ["test"], retry = false, earlyData = false }: Serving): void {
  const config = host.engine.addServerConfig({ certificateChain: leaf.chain, privateKey: leaf.key, alpn, earlyData });
  host.endpoint = host.engine.openEndpoint(config, retry ? { maxHandshakes: 1 } : {});
}

/** Handles of one connection. */
export interface Ends {
  readonly near: number;
  readonly far: number;
}

/** A client that dials again and again with one configuration. */
export class Dialler {
  readonly network: Network;
  readonly #config: number;

  constructor(options: NetworkOptions = {}, config: Partial<ClientConfigOptions> = {}) {
    this.network = new Network(options);
    const { engine } = this.network.client;
    this.network.client.endpoint = engine.openEndpoint(-1);
    this.#config = engine.addClientConfig({ alpn: ["test"], trust: "none", ...config });
  }

  /** Handle of a connection whose handshake begins. */
  dial(serverName = "localhost"): number {
    const { client, server, now } = this.network;
    return client.engine.connect(client.endpoint, this.#config, client.peerOf(server), serverName, now);
  }

  /** Handles of a connection that is up at both ends. */
  connect(serverName?: string): Ends {
    return this.finish(this.dial(serverName));
  }

  /** The same of one that was dialled. */
  finish(near: number): Ends {
    const { network } = this;
    const { client, server } = network;
    const before = [client, server].map((host) => host.seen("CONNECTED").length) as [number, number];
    network.run(() => client.seen("CONNECTED").length > before[0] && server.seen("CONNECTED").length > before[1]);
    network.pass(100); // tickets and tokens arrive
    return { near, far: server.seen("CONNECTED")[before[1]]!.connection };
  }

  /** Whether the handshake was resumed, as both ends see it. */
  resumed({ near, far }: Ends): [boolean, boolean] {
    const { client, server } = this.network;
    return [client.engine.connectionInfo(near).resumed, server.engine.connectionInfo(far).resumed];
  }
}
