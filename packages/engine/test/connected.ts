/** A pair with its handshake done, as most tests want it. */
import type { ClientConfigOptions, ObservingOptions, TransportOptions } from "@moqingbird/engine";
import { createAuthority, type TestAuthority, type TestCertificate } from "@moqingbird/testing";
import { Network, type NetworkOptions } from "./network.ts";

/** Certificates of one test file. */
export interface Certificates {
  readonly authority: TestAuthority;
  readonly leaf: TestCertificate;
}

export async function createCertificates(): Promise<Certificates> {
  const authority = await createAuthority();
  return { authority, leaf: await authority.issue(["localhost", "example.test"]) };
}

/** Options of {@link listening} and {@link connected}. */
export interface PairOptions extends NetworkOptions {
  readonly serverAlpn?: readonly string[];
  readonly clientAlpn?: readonly string[];
  readonly trust?: ClientConfigOptions["trust"];
  readonly serverName?: string;
  readonly clientTransport?: TransportOptions;
  readonly serverTransport?: TransportOptions;
  readonly clientObserving?: ObservingOptions;
  readonly serverObserving?: ObservingOptions;
}

/** The server listens; nothing is dialled yet. */
export function listening({ leaf }: Certificates, options: PairOptions = {}): Network {
  const network = new Network(options);
  const { client, server } = network;
  const serverConfig = server.engine.addServerConfig({
    certificateChain: leaf.chain,
    privateKey: leaf.key,
    alpn: options.serverAlpn ?? ["test"],
    transport: options.serverTransport ?? {},
    ...options.serverObserving,
  });
  server.endpoint = server.engine.openEndpoint(serverConfig);
  client.endpoint = client.engine.openEndpoint(-1);
  return network;
}

/** Dials; CONNECTED or CLOSED is still to come. */
export function dial(network: Network, options: PairOptions = {}): number {
  const { client, server } = network;
  const config = client.engine.addClientConfig({
    alpn: options.clientAlpn ?? ["test"],
    trust: options.trust ?? "none",
    transport: options.clientTransport ?? {},
    ...options.clientObserving,
  });
  const peer = client.peerOf(server);
  return client.engine.connect(client.endpoint, config, peer, options.serverName ?? "localhost", network.now);
}

/** Both ends of a connection that is up. */
export interface Connected {
  readonly network: Network;
  /** Handle at the client. */
  readonly near: number;
  /** Handle at the server. */
  readonly far: number;
}

/** A connection that is up. */
export function connected(certificates: Certificates, options: PairOptions = {}): Connected {
  const network = listening(certificates, options);
  const near = dial(network, options);
  network.run(() => network.client.seen("CONNECTED").length > 0 && network.server.seen("CONNECTED").length > 0);
  return { network, near, far: network.server.seen("CONNECTED")[0]!.connection };
}
