import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates, dial, listening } from "./connected.ts";
import { seededBytes, seededRandom } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

/** `MOQINGBIRD_SEED=n` repeats a run. */
const seed = Number(process.env.MOQINGBIRD_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`random datagrams never trap, and clients are served meanwhile (MOQINGBIRD_SEED=${seed} repeats it)`, {
  timeout: 60_000,
}, () => {
  const network = listening(certificates);
  const { client, server } = network;
  const random = seededRandom(seed);
  const stranger = { address: Uint8Array.of(203, 0, 113, 9), port: 9 };
  for (let round = 0; round < 40; round++) {
    const packets = Array.from({ length: 200 }, (_, i) => {
      const bytes = seededBytes(1 + Math.floor(random() * 1500), seed + round * 1000 + i);
      const shape = random();
      if (shape < 0.4) {
        bytes[0] = 0xc0 | Math.floor(random() * 64); // long header
        if (shape < 0.3 && bytes.length > 5) bytes.set([0, 0, 0, 1], 1); // version 1
      }
      return { bytes, from: stranger };
    });
    server.turn(network.now, packets, () => {});
    network.pass(1);
  }
  const near = dial(network);
  network.run(() => client.seen("CONNECTED").length === 1);
  client.open(near, 1, seededBytes(10_000));
  network.run(() => [...server.received.values()][0]?.finished === true);
});

test("a flood of first packets from one address leaves the others' handshakes alone", { timeout: 60_000 }, () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  // Valid first packets, each from its own connection attempt, that never go on.
  const config = client.engine.addClientConfig({ alpn: ["test"], trust: "none" });
  const first: Uint8Array[] = [];
  for (let i = 0; i < 1500; i++) {
    client.engine.connect(client.endpoint, config, client.peerOf(server), "localhost", network.now);
  }
  client.turn(network.now, [], (bytes) => first.push(bytes.slice()));
  expect(first.length).toBeGreaterThan(1000);
  const stranger = { address: Uint8Array.of(203, 0, 113, 9), port: 9 };
  let answers = 0;
  server.turn(
    network.now,
    first.map((bytes) => ({ bytes, from: stranger })),
    () => answers++,
  );
  client.open(near, 1, Uint8Array.of(1));
  network.run(() => server.seen("DATA").length === 1, 5000);
});
