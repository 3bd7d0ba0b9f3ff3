import { ClosedBy, type EngineKeys, type TransportOptions } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, createCertificates } from "./connected.ts";
import type { TestHost } from "./host.ts";
import { Network, type NetworkOptions } from "./network.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

const keysOf = (seed: number): EngineKeys => ({
  statelessReset: seededBytes(32, seed),
  token: seededBytes(32, seed + 1),
  ticket: seededBytes(32, seed + 2),
});

interface Serving {
  readonly leaf?: Certificates["leaf"];
  readonly alpn?: readonly string[];
  /** Every client that has not proved its address must (Retry). */
  readonly retry?: boolean;
}

function serve(host: TestHost, { leaf = certificates.leaf, alpn = ["test"], retry = false }: Serving = {}): void {
  const config = host.engine.addServerConfig({ certificateChain: leaf.chain, privateKey: leaf.key, alpn });
  host.endpoint = host.engine.openEndpoint(config, retry ? { maxHandshakes: 1 } : {});
}

/** A client that dials again and again with one configuration. */
class Dialler {
  readonly network: Network;
  readonly #config: number;

  constructor(options: NetworkOptions = {}, transport: TransportOptions = {}, alpn: readonly string[] = ["test"]) {
    this.network = new Network(options);
    const { engine } = this.network.client;
    this.network.client.endpoint = engine.openEndpoint(-1);
    this.#config = engine.addClientConfig({ alpn, trust: "none", transport });
  }

  /** Handles of a connection that is up at both ends. */
  connect(serverName = "localhost"): { near: number; far: number } {
    const { network } = this;
    const { client, server } = network;
    const before = [client, server].map((host) => host.seen("CONNECTED").length) as [number, number];
    const near = client.engine.connect(client.endpoint, this.#config, client.peerOf(server), serverName, network.now);
    network.run(() => client.seen("CONNECTED").length > before[0] && server.seen("CONNECTED").length > before[1]);
    network.pass(100); // tickets and tokens arrive
    return { near, far: server.seen("CONNECTED")[before[1]]!.connection };
  }

  /** Whether the handshake was resumed, as both ends see it. */
  resumed({ near, far }: { near: number; far: number }): [boolean, boolean] {
    const { client, server } = this.network;
    return [client.engine.connectionInfo(near).resumed, server.engine.connectionInfo(far).resumed];
  }
}

/** Counts the Retry packets of the server (long header, type 3). */
function countRetries(network: Network): () => number {
  let retries = 0;
  network.filter = ({ bytes, from }) => {
    if (from === network.server && bytes[0]! >> 4 === 0xf) retries++;
    return true;
  };
  return () => retries;
}

test("a successor with the keys of a crashed engine resets its connections at their next packet", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } });
  const { network } = dialler;
  serve(network.server);
  const { near } = dialler.connect();
  network.server.engine.memory.fill(0xff);
  expect(() => network.server.engine.timers(network.now)).toThrow(expect.objectContaining({ code: "crashed" }));
  serve(network.succeed({ keys }));
  network.client.open(near, 1, seededBytes(1000));
  const start = network.now;
  network.run(() => network.client.seen("CLOSED").length === 1);
  expect(network.client.seen("CLOSED")).toMatchObject([{ connection: near, flags: ClosedBy.RESET }]);
  expect((network.now - start) / 1000).toBe(10); // there and back
  dialler.connect();
});

test("a successor with other keys says nothing to the connections of its predecessor, and serves new ones", () => {
  const dialler = new Dialler({ server: { keys: keysOf(1) } });
  const { network } = dialler;
  serve(network.server);
  const { near } = dialler.connect();
  const successor = network.succeed({ keys: keysOf(9) });
  serve(successor);
  successor.keepPackets = true;
  network.client.open(near, 1, seededBytes(1000));
  network.pass(5000);
  expect(successor.sent).toEqual([]);
  dialler.connect();
});

test("the first connection shows a certificate, the next is resumed, at both ends", () => {
  const dialler = new Dialler();
  serve(dialler.network.server);
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
  expect(dialler.resumed(dialler.connect())).toEqual([true, true]);
  expect(dialler.resumed(dialler.connect("example.test"))).toEqual([false, false]); // another server's name
});

test("a resumed connection carries bytes, and its own tickets resume the one after it", () => {
  const dialler = new Dialler();
  const { network } = dialler;
  serve(network.server);
  for (let round = 0; round < 5; round++) {
    const { near, far } = dialler.connect();
    expect(dialler.resumed({ near, far })).toEqual([round > 0, round > 0]);
    const bytes = seededBytes(50_000, round);
    const stream = network.client.open(near, 1, bytes);
    network.run(() => network.client.seen("ACKED").some((event) => event.stream === stream));
    network.client.engine.closeConnection(near, 0, 0, new Uint8Array(0), network.now);
    network.pass(1000);
  }
});

test("a successor with the same keys resumes the sessions of its predecessor, one with others does not", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } });
  serve(dialler.network.server);
  dialler.connect();
  serve(dialler.network.succeed({ keys }));
  expect(dialler.resumed(dialler.connect())).toEqual([true, true]);
  serve(dialler.network.succeed({ keys: keysOf(9) }));
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
});

test("a session is not resumed where another certificate or other protocols are shown", async () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } }, {}, ["test", "other"]);
  serve(dialler.network.server);
  dialler.connect();
  serve(dialler.network.succeed({ keys }), { leaf: await certificates.authority.issue(["localhost"]) });
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
  serve(dialler.network.succeed({ keys }), { alpn: ["other"] });
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
});

test("no byte leaves before the handshake is done: 0-RTT is neither offered nor taken", () => {
  const dialler = new Dialler();
  const { network } = dialler;
  serve(network.server);
  dialler.connect();
  let zeroRtt = 0;
  network.filter = ({ bytes }) => {
    if (bytes[0]! >> 4 === 0xd) zeroRtt++; // long header, type 1
    return true;
  };
  const { client } = network;
  client.onEvent = ({ kind, connection }) => {
    if (kind === "CONNECTED") client.open(connection, 1, seededBytes(100));
  };
  expect(dialler.resumed(dialler.connect())).toEqual([true, true]);
  expect(zeroRtt).toBe(0);
});

test("a token of an earlier connection spares its client the proof of its address (NEW_TOKEN)", () => {
  const dialler = new Dialler();
  serve(dialler.network.server, { retry: true });
  const retries = countRetries(dialler.network);
  dialler.connect();
  expect(retries()).toBe(1);
  dialler.connect();
  expect(retries()).toBe(1);
});

test("tokens are good at a successor with the same keys, and not from another address", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } });
  const { network } = dialler;
  serve(network.server);
  dialler.connect();
  dialler.connect();
  serve(network.succeed({ keys }), { retry: true });
  const retries = countRetries(network);
  dialler.connect();
  expect(retries()).toBe(0);
  network.client.address = Uint8Array.of(10, 0, 9, 9);
  dialler.connect();
  expect(retries()).toBe(1);
});

test("keys of another length are refused with a sentence", () => {
  const keys = { ...keysOf(1), token: new Uint8Array(16) };
  expect(() => new Network({ server: { keys } })).toThrow("the key token has 16 bytes; it must have 32.");
});
