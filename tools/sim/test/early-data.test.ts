/** 0-RTT in virtual time: what it gains, and that loss, reordering and duplicates take nothing from it. */
import { type LinkSettings, seededBytes, simulationCertificate } from "@moqingbird/testing";
import { ByteReader, ByteWriter, type Connection, type EarlyConnection, type Listener } from "@moqingbird/transport";
import { expect, test } from "vitest";
import { type Process, Simulation } from "../src/index.ts";

const alpn = ["test"];
const limitMs = 60_000;

/** A client that was at the server before. */
class Visit {
  readonly #simulation: Simulation;
  readonly #client: Process;
  readonly #server: Process;
  #listener: Listener | undefined;
  /** Streams that came, and what one of them said. */
  streams = 0;
  #heard = Promise.withResolvers<Uint8Array>();

  constructor(seed: number, link: LinkSettings) {
    this.#simulation = new Simulation(seed);
    this.#server = this.#simulation.process();
    this.#client = this.#simulation.process();
    this.#simulation.link(this.#client, this.#server, link);
  }

  async begin(): Promise<void> {
    const handler = {
      stream: () => {
        this.streams++;
        const reader = new ByteReader();
        this.#heard.resolve(reader.bytes(1 << 24));
        return reader;
      },
    };
    this.#listener = await this.#server.listen({
      alpn,
      earlyData: true,
      onConnection: (connection) => {
        connection.handler = handler;
      },
    });
    const first = await this.#connect({ onEarlyData: () => {} });
    await this.#simulation.pass(2000); // tickets arrive
    first.close();
    await this.#simulation.pass(2000);
  }

  /** The server forgets the sessions it keeps. */
  forget(): void {
    this.#listener?.setCertificate(simulationCertificate);
  }

  /** Connects, says the bytes as soon as it may, and returns how long the server waits for the last of them. */
  async saying(bytes: Uint8Array, early: boolean): Promise<{ readonly connection: Connection; readonly ms: number }> {
    this.#heard = Promise.withResolvers();
    const started = this.#simulation.elapsedMs;
    const onEarlyData = (connection: EarlyConnection) => say(connection, bytes);
    const connection = await this.#connect(early ? { onEarlyData } : {});
    if (connection.earlyData !== "accepted") say(connection, bytes);
    const heard = await this.#simulation.until(this.#heard.promise, limitMs, "the last byte");
    expect(Buffer.compare(heard, bytes)).toBe(0);
    return { connection, ms: this.#simulation.elapsedMs - started };
  }

  #connect(options: { readonly onEarlyData?: (connection: EarlyConnection) => void }): Promise<Connection> {
    const connecting = this.#client.connect(this.#server, { alpn, timeoutMs: limitMs, ...options });
    return this.#simulation.until(connecting, limitMs, "the handshake");
  }
}

/** Opens a one-way stream with the bytes. */
function say(connection: EarlyConnection, bytes: Uint8Array): void {
  const writer = ByteWriter.open(connection, { limitBytes: bytes.length + 1 });
  writer.write(bytes);
  writer.finish();
}

test("a long body is there a round trip earlier, a short one with the end of the handshake as ever", async () => {
  const rtt = 100;
  const milliseconds = async (bytes: number, early: boolean) => {
    const visit = new Visit(1, { latencyMs: rtt / 2 });
    await visit.begin();
    const { connection, ms } = await visit.saying(seededBytes(bytes, 1), early);
    expect(connection.earlyData).toBe(early ? "accepted" : "none");
    return ms;
  };
  const [early, late] = [await milliseconds(1000, true), await milliseconds(1000, false)];
  expect(early).toBe(late);
  expect(early).toBeCloseTo(1.5 * rtt, 1);
  expect(await milliseconds(300_000, true)).toBeLessThan((await milliseconds(300_000, false)) - 0.8 * rtt);
});

test("over links that lose, reorder and repeat packets everything arrives once, whatever became of 0-RTT", {
  timeout: 60_000,
}, async () => {
  const link: LinkSettings = { latencyMs: 20, lossPercent: 10, reorderPercent: 10, duplicatePercent: 10 };
  for (let seed = 1; seed <= 100; seed++) {
    const visit = new Visit(seed, link);
    await visit.begin();
    const outcome = seed % 2 === 0 ? "accepted" : "rejected";
    if (outcome === "rejected") visit.forget();
    const { connection } = await visit.saying(seededBytes(30_000, seed), true);
    expect([connection.earlyData, visit.streams], `seed ${seed}`).toEqual([outcome, 1]);
  }
});
