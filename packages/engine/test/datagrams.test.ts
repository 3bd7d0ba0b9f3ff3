import { DatagramDrop } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import type { TestHost } from "./host.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

function send(host: TestHost, connection: number, bytes: Uint8Array, key = 0, deadline = 0): number {
  host.engine.datagramBuffer.set(bytes);
  return host.engine.sendDatagram(connection, bytes.length, 0, 0, 0, key, deadline);
}

test("datagrams arrive whole, small ones in shared packets", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  client.keepPackets = true;
  const bodies = Array.from({ length: 60 }, (_, i) => seededBytes(i * 3, i));
  expect(bodies.map((body) => send(client, near, body))).toEqual(bodies.map((_, i) => i + 1));
  network.run(() => server.seen("DATAGRAM").length === bodies.length);
  expect(server.seen("DATAGRAM").map((event) => [...event.bytes])).toEqual(bodies.map((body) => [...body]));
  expect(client.sent.length).toBeLessThan(20);
});

test("the largest size fits, one byte more never does and is told", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  const largest = client.engine.maxDatagramSize(near);
  expect(largest).toBeGreaterThan(1100);
  expect(send(client, near, seededBytes(largest))).toBe(1);
  expect(send(client, near, seededBytes(largest + 1))).toBe(0);
  network.run(() => server.seen("DATAGRAM").length === 1);
  expect(server.seen("DATAGRAM")[0]!.bytes).toHaveLength(largest);
  expect(client.seen("DATAGRAM_DROPPED")).toMatchObject([{ flags: DatagramDrop.NEVER_FITS, value: 1n }]);
});

test("a peer that takes none gets none", () => {
  const { network, near } = connected(certificates, { serverTransport: { datagramReceiveBytes: 0 } });
  expect(network.client.engine.maxDatagramSize(near)).toBe(0);
  expect(send(network.client, near, Uint8Array.of(1))).toBe(0);
});

test("the queue is bounded: the oldest of the least urgent go", () => {
  const { network, near } = connected(certificates, { clientTransport: { datagramQueue: 4 } });
  const { client, server } = network;
  for (let i = 0; i < 6; i++) send(client, near, Uint8Array.of(i), 9);
  send(client, near, Uint8Array.of(100), 1);
  network.run(() => server.seen("DATAGRAM").length === 4);
  network.pass(100);
  expect(server.seen("DATAGRAM").map((event) => event.bytes[0])).toEqual([100, 3, 4, 5]);
  expect(client.seen("DATAGRAM_DROPPED")).toMatchObject([{ flags: DatagramDrop.QUEUE, value: 3n }]);
});

test("who queues is told how many wait, and once when fewer do than asked for", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  network.filter = ({ from }) => from !== server; // acknowledgements stop: the window fills
  client.open(near, 1, seededBytes(1_000_000));
  network.pass(100);
  expect([1, 2, 3].map((n) => send(client, near, Uint8Array.of(n)))).toEqual([1, 2, 3]);
  client.engine.awaitDatagramRoom(near, 2);
  network.pass(10);
  expect(client.seen("DATAGRAM_ROOM")).toEqual([]);
  network.filter = () => true;
  network.run(() => server.seen("DATAGRAM").length === 3);
  expect(client.seen("DATAGRAM_ROOM")).toMatchObject([{ value: 1n }]);
  client.engine.awaitDatagramRoom(near, 2);
  network.pass(10);
  expect(client.seen("DATAGRAM_ROOM")).toMatchObject([{ value: 1n }, { value: 0n }]);
});

test("a datagram past its deadline is dropped before it costs anything", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  network.filter = ({ from }) => from !== server; // acknowledgements stop: the window fills
  client.open(near, 1, seededBytes(1_000_000));
  network.pass(100);
  send(client, near, Uint8Array.of(1), 0, network.now + 50_000);
  send(client, near, Uint8Array.of(2), 0, network.now + 60_000_000);
  network.pass(200);
  network.filter = () => true;
  network.run(() => server.seen("DATAGRAM").length === 1);
  expect(server.seen("DATAGRAM").map((event) => event.bytes[0])).toEqual([2]);
  expect(client.seen("DATAGRAM_DROPPED")).toMatchObject([{ flags: DatagramDrop.DEADLINE, value: 1n }]);
});

test("streams and datagrams share one order", () => {
  const { network, near } = connected(certificates, { packetsPerMs: 1 });
  const { client, server } = network;
  // Its last bytes leave no room for a datagram: frames of one packet have no order.
  client.open(near, 1, seededBytes(29_000), true, 5);
  for (let i = 0; i < 5; i++) send(client, near, seededBytes(1000, i), 9);
  for (let i = 0; i < 5; i++) send(client, near, seededBytes(1000, i), 1);
  network.run(() => server.seen("DATAGRAM").length === 10 && [...server.received.values()][0]?.finished === true);
  const kinds = server.events.filter(({ kind }) => kind === "DATAGRAM" || kind === "DATA").map(({ kind }) => kind);
  const runs = kinds.filter((kind, i) => kind !== kinds[i - 1]);
  expect(runs).toEqual(["DATAGRAM", "DATA", "DATAGRAM"]);
});

test("datagrams queued during the handshake leave after it", () => {
  const { network } = connected(certificates);
  const { client, server } = network;
  const config = client.engine.addClientConfig({ alpn: ["test"], trust: "none" });
  const connection = client.engine.connect(client.endpoint, config, client.peerOf(server), "localhost", network.now);
  expect(send(client, connection, Uint8Array.of(7))).toBe(1);
  network.run(() => server.seen("DATAGRAM").length === 1);
});
