import { beforeAll, expect, test } from "vitest";
import { type Certificates, createCertificates, listening } from "./connected.ts";
import type { TestHost } from "./host.ts";
import type { Network } from "./network.ts";
import { seededBytes, seededRandom } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

const seed = Number(process.env.MOQINGBIRD_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** What a connection is at while its packets are mutated. */
const states = ["handshake", "streams", "datagrams", "moved", "closing", "drained"] as const;

/** The end of a connection is two packets or three: with one in sixteen, one seed in fifty would change none of them. */
const rates: { readonly [state: string]: number } = { closing: 1 / 4 };

/** Lives of connections on one pair of engines. */
const rounds = 60;
/** From here on memory may not grow: tables and the ring of received packets have their size. */
const settledAfter = 40;

test(`one packet in sixteen is mutated in every state of a connection, and nothing traps or leaks (MOQINGBIRD_SEED=${seed} repeats it)`, {
  timeout: 60_000,
}, () => {
  const network = listening(certificates, { seed });
  const { client, server } = network;
  const config = client.engine.addClientConfig({ alpn: ["test"], trust: "none" });
  const mutator = new Mutator(network, seed);
  const inUse: number[] = [];
  let served = 0;
  for (let round = 0; round < rounds; round++) {
    mutator.state = "handshake";
    const near = client.engine.connect(client.endpoint, config, client.peerOf(server), "localhost", network.now);
    network.run(() => over(client, near) || up(client, near));
    if (up(client, near)) {
      mutator.state = "streams";
      const stream = client.open(near, 0, seededBytes(20_000, round));
      client.open(near, 1, seededBytes(3000, round));
      network.run(() => over(client, near) || client.events.some((e) => e.kind === "ACKED" && e.stream === stream));
      mutator.state = "datagrams";
      for (let i = 0; i < 20 && !over(client, near); i++) {
        client.engine.datagramBuffer.set(seededBytes(200, i));
        client.engine.sendDatagram(near, 200, 0, 0, 0, i, 0);
        network.pass(2);
      }
      mutator.state = "moved";
      client.port++;
      if (!over(client, near)) client.open(near, 1, seededBytes(30_000, round));
      network.pass(200);
      mutator.state = "closing";
      if (!over(client, near)) {
        served++;
        client.engine.closeConnection(near, 0, 7, new TextEncoder().encode("done"), network.now);
      }
      network.pass(100);
    }
    mutator.state = "drained";
    network.pass(15_000); // whatever went wrong is over by idle time-out
    mutator.stragglers();
    for (const host of [client, server]) host.forget();
    inUse.push(client.engine.memoryInUse() + server.engine.memoryInUse());
  }
  for (const state of states) expect(mutator.count(state), state).toBeGreaterThan(0);
  // A mutated first answer may look like Version Negotiation, which ends a handshake; little else may.
  expect(served).toBeGreaterThan(rounds * 0.8);
  const settled = Math.max(...inUse.slice(0, settledAfter));
  expect(Math.max(...inUse.slice(settledAfter)) - settled, `bytes in use: ${inUse.join(" ")}`).toBeLessThan(100_000);
});

const over = (host: TestHost, connection: number): boolean =>
  host.events.some((event) => event.kind === "CLOSED" && event.connection === connection);

const up = (host: TestHost, connection: number): boolean =>
  host.events.some((event) => event.kind === "CONNECTED" && event.connection === connection);

/** Changes packets on their way, and repeats old ones. */
class Mutator {
  state: (typeof states)[number] = "handshake";
  readonly #counts = new Map<string, number>();
  readonly #random: () => number;
  readonly #network: Network;
  readonly #old: { bytes: Uint8Array; from: TestHost }[] = [];

  constructor(network: Network, seed: number) {
    this.#network = network;
    this.#random = seededRandom(seed);
    network.filter = ({ bytes, from }) => this.#pass(bytes, from);
  }

  count(state: string): number {
    return this.#counts.get(state) ?? 0;
  }

  /** Packets of a life that is over, changed, to both ends. */
  stragglers(): void {
    for (const { bytes, from } of this.#old.splice(0)) this.#deliver(this.#mutated(bytes), from);
  }

  #pass(bytes: Uint8Array, from: TestHost): boolean {
    if (this.#random() >= (rates[this.state] ?? 1 / 16)) return true;
    this.#old.push({ bytes: bytes.slice(), from });
    if (this.#random() < 0.5) {
      bytes.set(this.#mutated(bytes).subarray(0, bytes.length));
      return true;
    }
    return this.#random() < 0.5; // lost, or repeated later
  }

  #mutated(bytes: Uint8Array): Uint8Array {
    this.#counts.set(this.state, this.count(this.state) + 1);
    const random = this.#random;
    const copy = bytes.slice(0, random() < 0.2 ? 1 + Math.floor(random() * bytes.length) : bytes.length);
    const flips = 1 + Math.floor(random() * 4);
    for (let i = 0; i < flips; i++) {
      // Headers are short and decide most: half of the changes go there.
      const reach = random() < 0.5 ? Math.min(copy.length, 40) : copy.length;
      copy[Math.floor(random() * reach)] = Math.floor(random() * 256);
    }
    return copy;
  }

  #deliver(bytes: Uint8Array, from: TestHost): void {
    const { client, server, now } = this.#network;
    const to = from === client ? server : client;
    to.turn(now, [{ bytes, from }], () => {});
  }
}
