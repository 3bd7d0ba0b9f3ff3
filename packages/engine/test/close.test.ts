import { ClosedBy } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates, listening } from "./connected.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test("a close reaches the peer with code and reason, and each end hears of it exactly once", () => {
  const { network, near, far } = connected(certificates);
  const { client, server } = network;
  client.open(near, 1, seededBytes(100), false);
  network.run(() => server.seen("DATA").length === 1);
  const reason = Buffer.from("goodbye, and thanks");
  client.engine.closeConnection(near, 0x3fff_ffff, 0xffff_ffff, reason, network.now);
  client.engine.closeConnection(near, 0, 1, reason, network.now); // changes nothing any more
  network.run(() => client.seen("DRAINED").length === 1 && server.seen("DRAINED").length === 1);
  network.pass(60_000);
  expect(client.seen("CLOSED")).toMatchObject([{ connection: near, flags: ClosedBy.LOCAL, value: 2n ** 62n - 1n }]);
  expect(server.seen("CLOSED")).toMatchObject([
    { connection: far, flags: ClosedBy.PEER_APPLICATION, value: 2n ** 62n - 1n },
  ]);
  expect(text(server.seen("CLOSED")[0]!.bytes)).toBe("goodbye, and thanks");
  expect(client.seen("DRAINED")).toHaveLength(1);
  expect(() => client.engine.connectionInfo(near)).toThrow("already gone");
});

test("a reason longer than a packet is cut, not lost", () => {
  const { network, near } = connected(certificates);
  network.client.engine.closeConnection(near, 0, 3, Buffer.from("x".repeat(5000)), network.now);
  network.run(() => network.server.seen("CLOSED").length === 1);
  const { bytes, value } = network.server.seen("CLOSED")[0]!;
  expect(value).toBe(3n);
  expect(text(bytes)).toMatch(/^x{500,}$/);
});

test("data sent before a close is delivered before it", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  client.open(near, 1, Uint8Array.of(1, 2, 3));
  client.turn(network.now, [], () => {}); // the packet is built and lost
  client.open(near, 1, Uint8Array.of(4));
  network.turn();
  client.engine.closeConnection(near, 0, 0, new Uint8Array(0), network.now);
  network.run(() => server.seen("CLOSED").length === 1);
  const kinds = server.events.map((event) => event.kind);
  expect(kinds.indexOf("DATA")).toBeGreaterThan(0);
  expect(kinds.indexOf("DATA")).toBeLessThan(kinds.indexOf("CLOSED"));
});

test("silence ends the connection after the idle time-out, at both ends", () => {
  const { network, near, far } = connected(certificates, {
    clientTransport: { idleTimeoutMs: 2000, keepAliveMs: 0 },
    serverTransport: { idleTimeoutMs: 30_000, keepAliveMs: 0 },
  });
  const start = network.now;
  network.run(() => network.client.seen("CLOSED").length === 1 && network.server.seen("CLOSED").length === 1);
  for (const [host, connection] of [
    [network.client, near],
    [network.server, far],
  ] as const) {
    const [closed] = host.seen("CLOSED");
    expect(closed).toMatchObject({ connection, flags: ClosedBy.IDLE, value: 0n });
    expect((closed!.at - start) / 1000).toBeGreaterThan(1900);
    expect((closed!.at - start) / 1000).toBeLessThan(2200);
    expect(host.seen("DRAINED")).toHaveLength(1);
  }
});

test("keep-alive holds a silent connection open by default", () => {
  const { network } = connected(certificates);
  network.pass(60_000);
  expect(network.client.seen("CLOSED")).toEqual([]);
  expect(network.server.seen("CLOSED")).toEqual([]);
});

test.each([
  [4_000, "with keep-alive"],
  [0, "without"],
])("a peer that vanishes is noticed within the idle time-out (keep-alive after %i ms: %s)", (keepAliveMs) => {
  const { network } = connected(certificates, {
    clientTransport: { keepAliveMs },
    serverTransport: { keepAliveMs: 0 },
  });
  network.pass(keepAliveMs === 0 ? 100 : 30_000);
  const start = network.now;
  network.filter = () => false;
  network.run(() => network.client.seen("CLOSED").length === 1);
  expect(network.client.seen("CLOSED")).toMatchObject([{ flags: ClosedBy.IDLE, value: 0n }]);
  expect((network.now - start) / 1000).toBeLessThan(10_100);
  expect((network.now - start) / 1000).toBeGreaterThan(5_000);
});

test.each([3, 6, 8])("a path that is gone for %i seconds costs no connection", (seconds) => {
  const { network, near } = connected(certificates);
  network.pass(100);
  const back = network.now + seconds * 1_000_000;
  network.filter = () => network.now >= back;
  network.pass(60_000);
  expect(network.client.seen("CLOSED")).toEqual([]);
  network.client.open(near, 1, Uint8Array.of(1));
  network.run(() => network.server.seen("DATA").length === 1);
});

test("closing an endpoint closes its connections, and the endpoint goes with the last", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  server.engine.closeEndpoint(server.endpoint, network.now);
  network.run(() => client.seen("CLOSED").length === 1);
  expect(client.seen("CLOSED")).toMatchObject([{ connection: near, flags: ClosedBy.PEER_APPLICATION, value: 0n }]);
  network.run(() => server.seen("DRAINED").length === 1);
  expect(() => server.engine.closeEndpoint(server.endpoint, network.now)).toThrow("already gone");
});

test("calls on a connection that is over are errors, not crashes", () => {
  const { network, near } = connected(certificates);
  const { engine } = network.client;
  const stream = network.client.open(near, 1, seededBytes(100_000));
  engine.closeConnection(near, 0, 0, new Uint8Array(0), network.now);
  expect(engine.openStream(near, 1, 0, 0, 0, 0)).toBe(-1);
  expect(engine.sendDatagram(near, 1, 0, 0, 0, 0, 0)).toBe(-1);
  expect(engine.activate(stream)).toBe(-1);
  network.run(() => network.client.seen("DRAINED").length === 1);
  expect(network.client.seen("RELEASED")).toEqual([]); // CLOSED has ended its streams
});

test("a peer that forgot the connection answers with a stateless reset", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  // A second engine with the same seed has the same reset key, and knows no connection.
  const other = listening(certificates).server;
  let resets = 0;
  network.filter = ({ from }) => from !== server;
  client.open(near, 1, seededBytes(1000));
  client.turn(network.now, [], (bytes) => {
    other.turn(network.now, [{ bytes, from: client }], (answer) => {
      resets++;
      client.turn(network.now, [{ bytes: answer, from: server }], () => {});
    });
  });
  expect(resets).toBeGreaterThan(0);
  expect(client.seen("CLOSED")).toMatchObject([{ flags: ClosedBy.RESET }]);
});

test("a connection that is gone has its last counters while its end is being told", () => {
  const { network, near, far } = connected(certificates);
  const { client, server } = network;
  client.open(near, 1, seededBytes(100_000));
  network.run(() => client.seen("ACKED").length === 1);
  const told: number[] = [];
  server.onEvent = ({ kind, connection }) => {
    if (kind === "CLOSED" || kind === "DRAINED") told.push(server.engine.stats(connection).receivedBytes);
  };
  network.filter = () => false; // silence until the idle timer ends it: CLOSED and DRAINED come together
  network.pass(30_000);
  expect(server.seen("CLOSED")).toMatchObject([{ connection: far, flags: ClosedBy.IDLE }]);
  expect(told).toHaveLength(2);
  for (const bytes of told) expect(bytes).toBeGreaterThan(100_000);
  expect(() => server.engine.stats(far)).toThrow("already gone");
});
