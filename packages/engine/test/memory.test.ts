/** The engine's memory has a budget, and no peers together get beyond it. */
import { ClosedBy, connectionBytes, createEngine } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates, dial, listening } from "./connected.ts";
import type { Network } from "./network.ts";
import { seededBytes } from "./random.ts";

const mebi = 1024 * 1024;
const budget = 16 * mebi;

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

/** So many connections that are up, by their handles at the server. */
function crowd(network: Network, count: number, clientTransport = {}): number[] {
  const { server } = network;
  const before = server.seen("CONNECTED").length;
  for (let i = 0; i < count; i++) dial(network, { clientTransport });
  network.run(() => server.seen("CONNECTED").length === before + count);
  return server
    .seen("CONNECTED")
    .slice(before)
    .map(({ connection }) => connection);
}

/** Passes time and remembers the most that the server held. */
function watched(network: Network, milliseconds: number): number {
  let peak = 0;
  for (let i = 0; i < milliseconds; i += 5) {
    network.pass(5);
    peak = Math.max(peak, network.server.engine.memoryInUse());
  }
  return peak;
}

test("subscribers that acknowledge for a while and then no more do not fill it, and later ones are served", {
  timeout: 60_000,
}, () => {
  const network = listening(certificates, {
    server: { memoryBytes: budget },
    serverTransport: { sendWindow: mebi, idleTimeoutMs: 5000, keepAliveMs: 0 },
  });
  const { client, server } = network;
  const roomy = { connectionReceiveWindow: 64 * mebi, streamReceiveWindow: 64 * mebi };
  const deaf = crowd(network, 40, roomy);
  // Each takes enough for its congestion window to grow.
  const body = seededBytes(1_500_000);
  for (const connection of deaf) server.open(connection, 1, body);
  network.run(() => [...client.received.values()].filter(({ finished }) => finished).length === deaf.length);
  // Then nothing is heard of them.
  network.filter = ({ from }) => from === server;
  for (const connection of deaf) server.open(connection, 1, seededBytes(2 * mebi));
  const peak = watched(network, 1500);
  expect(peak).toBeGreaterThan(0.5 * budget); // what lowered windows left each
  expect(peak).toBeLessThan(0.9 * budget + mebi);
  expect(server.engine.memoryStats()).toMatchObject({ pressed: true, budgetBytes: budget });
  // The silent ones time out; then it is as before, and data flows.
  watched(network, 6000);
  expect(server.engine.memoryStats().pressed).toBe(false);
  expect(server.engine.memoryInUse()).toBeLessThan(0.5 * budget);
  network.filter = () => true;
  const [late] = crowd(network, 1, roomy);
  const before = client.received.size;
  server.open(late as number, 1, body);
  network.run(() => [...client.received.values()].slice(before).some(({ finished }) => finished));
});

test("thirty publishers with windows of 64 MiB, all with a hole in what they sent, end as closed connections", {
  timeout: 60_000,
}, () => {
  const windows = { connectionReceiveWindow: 64 * mebi, streamReceiveWindow: 64 * mebi };
  const network = listening(certificates, { server: { memoryBytes: budget }, serverTransport: windows });
  const { client, server } = network;
  crowd(network, 30);
  // One packet of each is lost, again and again: what follows it must wait.
  let index = 0;
  network.filter = ({ from, bytes }) => from === server || bytes.length < 600 || index++ % 40 !== 0;
  server.autoCredit = false; // and the host reads nothing
  for (const { connection } of client.seen("CONNECTED")) client.open(connection, 1, seededBytes(mebi));
  const peak = watched(network, 4000);
  const stats = server.engine.memoryStats();
  expect(peak).toBeGreaterThan(0.8 * budget);
  expect(peak).toBeLessThan(budget);
  expect(stats.closedConnections).toBeGreaterThan(0);
  const closed = server.seen("CLOSED").filter(({ flags }) => flags === ClosedBy.MEMORY);
  expect(closed).toHaveLength(stats.closedConnections);
  expect(new TextDecoder().decode(closed[0]?.bytes)).toBe("Out of memory; this connection held most of it.");
  expect(server.seen("DRAINED").length).toBeGreaterThanOrEqual(closed.length);
});

test("connections are refused before it is full, and taken again when there is room", { timeout: 60_000 }, () => {
  const network = listening(certificates, {
    server: { memoryBytes: budget },
    client: { maxConnections: 2000 },
    serverTransport: { idleTimeoutMs: 3000, keepAliveMs: 0 },
  });
  const { client, server } = network;
  for (let i = 0; i < 600; i++) dial(network, { clientTransport: { keepAliveMs: 0 } });
  network.pass(1000);
  const refused = client.seen("CLOSED").length;
  expect(refused).toBeGreaterThan(0);
  expect(server.seen("CONNECTED").length).toBeGreaterThan(100);
  expect(server.engine.memoryInUse()).toBeLessThan(0.9 * budget);
  watched(network, 5000);
  crowd(network, 1);
});

test("what a connection may hold is what it is said to hold", () => {
  const transport = { connectionReceiveWindow: 256 * 1024, streamReceiveWindow: 256 * 1024, sendWindow: 256 * 1024 };
  const roomy = { connectionReceiveWindow: 64 * mebi, streamReceiveWindow: 64 * mebi };
  const { network, near, far } = connected(certificates, { serverTransport: transport, clientTransport: roomy });
  const { client, server } = network;
  network.pass(1000);
  const before = server.engine.memoryInUse();
  server.autoCredit = false;
  client.open(near, 1, seededBytes(mebi));
  network.pass(500);
  network.filter = ({ from }) => from === client;
  server.open(far, 1, seededBytes(mebi));
  const held = watched(network, 2000) - before;
  expect(held).toBeGreaterThan(256 * 1024);
  expect(held).toBeLessThan(connectionBytes(transport).atMost);
});

test("an impossible budget is refused in words", () => {
  const prepare = () => 0;
  const says = "memoryBytes is 1000; it must be an integer from 16777216 to 268435456.";
  expect(() => createEngine({ prepare, memoryBytes: 1000 })).toThrow(says);
});
