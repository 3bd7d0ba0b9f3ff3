import { EVENT_WORDS } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

test("a client whose port changes under it (NAT rebinding) goes on, and the server hears of the new address", () => {
  const { network, near, far } = connected(certificates);
  const { client, server } = network;
  const before = server.engine.connectionInfo(far).peer;
  network.pass(100);
  client.port = 2222;
  client.open(near, 1, seededBytes(200_000));
  network.run(() => [...server.received.values()][0]?.finished === true);
  const moved = server.peerOf(client);
  expect(moved).not.toBe(before);
  expect(server.seen("PATH")).toMatchObject([{ connection: far, stream: moved }]);
  expect(server.engine.connectionInfo(far).peer).toBe(moved);
  server.open(far, 1, Uint8Array.of(1));
  network.run(() => client.seen("DATA").length === 1);
});

test("a client that moves to another address is followed there once it has proved that it is there", () => {
  const { network, near, far } = connected(certificates);
  const { client, server } = network;
  network.pass(100);
  client.address = Uint8Array.of(10, 0, 9, 9);
  client.port = 2222;
  client.open(near, 1, seededBytes(100_000));
  network.run(() => [...server.received.values()][0]?.finished === true);
  expect(server.seen("PATH")).toMatchObject([{ connection: far, stream: server.peerOf(client) }]);
  server.open(far, 1, seededBytes(100_000));
  network.run(() => [...client.received.values()][0]?.finished === true);
});

test("who sends a copy of a client's packet from elsewhere gets three times as much and a packet at most", () => {
  const { network, near, far } = connected(certificates);
  const { client, server } = network;
  network.pass(100);
  const victim = 6666;
  let toVictim = 0;
  let fromThief = 0;
  // The thief is quicker than the path: what the client sends once arrives from the victim's port first.
  network.filter = ({ bytes, from }) => {
    if (from !== client || fromThief > 0) return true;
    fromThief = bytes.length;
    const packet = bytes.slice();
    server.turn(network.now, [{ bytes: packet, from: { address: client.address, port: victim } }], (answer, to) => {
      if (to === victim) toVictim += answer.length;
    });
    return true;
  };
  server.open(far, 1, seededBytes(300_000));
  client.open(near, 1, seededBytes(1000));
  network.run(() => [...client.received.values()][0]?.finished === true, 20_000);
  expect(fromThief).toBeGreaterThan(0);
  // quinn-proto looks before it builds a packet: it goes over RFC 9000 section 8.1 by the rest of the last one.
  expect(toVictim).toBeLessThanOrEqual(3 * fromThief + 1452);
  expect(server.engine.connectionInfo(far).peer).toBe(server.peerOf(client));
});

test("keys are updated in the midst of a transfer, by either side, and nothing is lost", () => {
  const { network, near, far } = connected(certificates);
  const { client, server } = network;
  network.pass(100);
  /** Key phase bits are masked on the wire; what shows is that the old keys do not open the new packets, yet all arrives. */
  for (const [from, connection] of [
    [client, near],
    [server, far],
    [client, near],
  ] as const) {
    const to = from === client ? server : client;
    const bytes = seededBytes(200_000, connection);
    const known = new Set(to.received.keys());
    from.open(connection, 1, bytes);
    from.engine.updateKeys(connection);
    const fresh = () => [...to.received].find(([stream]) => !known.has(stream))?.[1];
    network.run(() => fresh()?.finished === true);
    expect(Buffer.compare(fresh()!.bytes(), bytes)).toBe(0);
    network.pass(1000);
  }
  expect(client.seen("CLOSED")).toEqual([]);
  expect(() => client.engine.updateKeys(12345)).toThrow("already gone");
});

test.each([1250, 1300, 1400])("path MTU discovery stays within a path of %i bytes", (limit) => {
  const { network, near } = connected(certificates, { filter: ({ bytes }) => bytes.length <= limit });
  const { client } = network;
  client.open(near, 1, seededBytes(300_000));
  network.pass(5000);
  const { mtu } = client.engine.stats(near);
  expect(mtu).toBeLessThanOrEqual(limit);
  expect(mtu).toBeGreaterThan(limit - 40);
  expect([...network.server.received.values()][0]?.finished).toBe(true);
});

test("a path that becomes narrower is noticed, and the transfer goes on with small packets", () => {
  const { network, near } = connected(certificates);
  const { client } = network;
  client.open(near, 1, seededBytes(300_000));
  network.pass(2000);
  expect(client.engine.stats(near).mtu).toBe(1452);
  let lost = 0;
  network.filter = ({ bytes }) => {
    if (bytes.length <= 1252) return true;
    lost++;
    return false;
  };
  const bytes = seededBytes(300_000, 2);
  const stream = client.open(near, 1, bytes);
  network.run(() => client.seen("ACKED").some((event) => event.stream === stream), 30_000);
  expect(lost).toBeGreaterThan(0);
  expect(client.engine.stats(near).mtu).toBeLessThanOrEqual(1252);
});

test.each(["cubic", "newreno", "bbr"] as const)("2 MB arrive at two per cent loss under %s", (congestion) => {
  let dropped = 0;
  const { network, near } = connected(certificates, {
    clientTransport: { congestion },
    filter: ({ index }) => {
      const drop = index % 50 === 49;
      if (drop) dropped++;
      return !drop;
    },
  });
  const bytes = seededBytes(2_000_000);
  const start = network.now;
  network.client.open(near, 1, bytes);
  const received = () => [...network.server.received.values()][0];
  network.run(() => received()?.finished === true);
  expect(Buffer.compare(received()!.bytes(), bytes)).toBe(0);
  expect(dropped).toBeGreaterThan(20);
  expect(network.client.engine.stats(near).lostPackets).toBeGreaterThan(20);
  expect((network.now - start) / 1000).toBeLessThan(10_000);
});

test("path MTU discovery raises the packet size up to maxMtu", () => {
  const { network, near } = connected(certificates);
  const { client } = network;
  expect(client.engine.stats(near).mtu).toBe(1200);
  client.open(near, 1, seededBytes(300_000));
  network.pass(2000);
  expect(client.engine.stats(near).mtu).toBe(1452);
  client.keepPackets = true;
  client.open(near, 1, seededBytes(100_000));
  network.pass(500);
  expect(Math.max(...client.sent.map((packet) => packet.length))).toBeGreaterThan(1400);
  expect(Math.max(...client.sent.map((packet) => packet.length))).toBeLessThanOrEqual(1452);
});

test("what sent and received counters say fits what went over the link", () => {
  const { network, near, far } = connected(certificates);
  network.client.open(near, 1, seededBytes(50_000));
  network.pass(1000);
  const sent = network.client.engine.stats(near);
  const got = network.server.engine.stats(far);
  expect(sent.sentPackets).toBeGreaterThan(40);
  expect(got.receivedPackets).toBeLessThanOrEqual(sent.sentPackets);
  expect(sent.sentBytes).toBeGreaterThan(50_000);
  expect(sent.rttMicros).toBeGreaterThanOrEqual(10_000);
  expect(sent.rttMicros).toBeLessThan(40_000);
  expect(sent.readyStreams).toBe(0);
});

test("the event ring takes more than its length in several rounds, in order", () => {
  const { network, near } = connected(certificates, { serverTransport: { maxUniStreams: 3000 } });
  const { client, server } = network;
  const kept: number[] = [];
  const rounds = server.engine.eventWords.length / EVENT_WORDS;
  server.onEvent = ({ kind, bytes }) => {
    if (kind === "DATA") kept.push(Buffer.from(bytes).readUInt16BE(0));
  };
  for (let i = 0; i < 2500; i++) client.open(near, 1, Uint8Array.of(i >> 8, i & 255));
  network.run(() => kept.length === 2500);
  expect(server.events.length).toBeGreaterThan(2 * rounds);
  expect([...kept].sort((a, b) => a - b)).toEqual(kept.map((_, i) => i));
});
