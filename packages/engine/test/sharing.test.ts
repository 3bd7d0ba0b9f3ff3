import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates, dial } from "./connected.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

test("connections share a small budget: a busy one does not starve another", () => {
  const { network, near } = connected(certificates, { client: { budget: 8 }, packetsPerMs: 20 });
  const { client, server } = network;
  const second = dial(network);
  network.run(() => server.seen("CONNECTED").length === 2);
  client.open(near, 1, seededBytes(3_000_000));
  network.pass(50);
  const start = network.now;
  client.open(second, 1, seededBytes(1000));
  network.run(() => [...server.received.values()].some((received) => received.length === 1000 && received.finished));
  expect((network.now - start) / 1000).toBeLessThan(100);
});

test("with no free slot the pump stops, says so, and goes on after a release", () => {
  const { network, near } = connected(certificates, { client: { watchSlots: false } });
  const { client, server } = network;
  const { engine } = client;
  const config = { alpn: ["test"], trust: "none" } as const;
  const id = engine.addClientConfig(config);
  // First packets need no congestion window: one per dial.
  for (let i = 0; i < 1100; i++) engine.connect(client.endpoint, id, client.peerOf(server), "localhost", network.now);
  const held: number[] = [];
  for (let count = engine.pump(network.now, 500); count > 0; count = engine.pump(network.now, 500)) {
    for (let i = 0; i < count; i++) held.push(engine.txSlot(i));
  }
  expect(engine.pumpPending()).toBe(2);
  expect(new Set(held).size).toBe(engine.txSlots);
  for (const slot of held) {
    engine.releaseTx(slot);
    engine.releaseTx(slot); // a second release changes nothing
  }
  client.open(near, 1, Uint8Array.of(1));
  network.run(() => server.seen("DATA").length === 1);
});

test("the peer's streams are limited, and the limit can be raised while the connection runs", () => {
  const { network, near, far } = connected(certificates, { serverTransport: { maxUniStreams: 2 } });
  const { client, server } = network;
  for (let i = 0; i < 10; i++) client.open(near, 1, Uint8Array.of(i), false); // they stay open
  network.pass(200);
  expect(server.seen("STREAM")).toHaveLength(2);
  server.engine.setMaxStreams(far, 1, 10);
  network.run(() => server.seen("STREAM").length === 10);
  expect(client.seen("CREDIT").length).toBeGreaterThan(0);
});

test("streams that wait for stream credit keep their order, and a more urgent one overtakes them", () => {
  const { network, near, far } = connected(certificates, { serverTransport: { maxUniStreams: 1 } });
  const { client, server } = network;
  client.open(near, 1, Uint8Array.of(0), false, 5);
  network.pass(50);
  for (let i = 1; i <= 3; i++) client.open(near, 1, Uint8Array.of(i), false, 5);
  client.open(near, 1, Uint8Array.of(9), false, 1);
  network.pass(50);
  server.engine.setMaxStreams(far, 1, 5);
  network.run(() => server.seen("DATA").length === 5);
  expect(server.seen("DATA").map((event) => event.bytes[0])).toEqual([0, 9, 1, 2, 3]);
});

/** Eight packets' bytes, which the stream that comes upon the end of a window may have given by then. */
const givenAhead = 10_000;

test("a connection's window holds all of its streams together, and can be raised", () => {
  const { network, near, far } = connected(certificates, {
    server: { autoCredit: false },
    serverTransport: { connectionReceiveWindow: 20_000, streamCreditBytes: 1 },
  });
  const { client, server } = network;
  for (let i = 0; i < 10; i++) client.open(near, 1, seededBytes(10_000, i));
  network.pass(500);
  expect(client.pulled).toBeLessThan(20_000 + givenAhead);
  server.engine.setReceiveWindow(far, 60_000);
  network.pass(500);
  expect(client.pulled).toBeGreaterThan(40_000);
  expect(client.pulled).toBeLessThan(60_000 + givenAhead);
});

test("memory comes back: six hundred connections leave nothing behind", { timeout: 60_000 }, () => {
  const { network } = connected(certificates);
  const { client, server } = network;
  const round = () => {
    const config = client.engine.addClientConfig({ alpn: ["test"], trust: "none" });
    const from = server.seen("DRAINED").length;
    for (let i = 0; i < 100; i++) {
      const connection = client.engine.connect(
        client.endpoint,
        config,
        client.peerOf(server),
        "localhost",
        network.now,
      );
      client.open(connection, 1, seededBytes(500));
      client.engine.armTimer(network.now + 3000);
    }
    network.pass(100);
    for (const { connection } of client.seen("CONNECTED").slice(-100)) {
      client.engine.closeConnection(connection, 0, 0, new Uint8Array(0), network.now);
    }
    network.run(() => server.seen("DRAINED").length === from + 100);
    network.pass(2000);
    client.engine.freeConfig(config);
  };
  round();
  const [before, serverBefore] = [client.engine.memoryInUse(), server.engine.memoryInUse()];
  for (let i = 0; i < 5; i++) round();
  expect(client.engine.memoryInUse() - before).toBeLessThan(200_000);
  expect(server.engine.memoryInUse() - serverBefore).toBeLessThan(200_000);
});
