import { createHash } from "node:crypto";
import { readTrace, type TraceRecord } from "@moqingbird/engine";
import { beforeAll, expect, test, vi } from "vitest";
import { type Certificates, type Connected, connected, createCertificates } from "./connected.ts";
import type { TestHost } from "./host.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
  vi.useFakeTimers({ now: Date.now(), toFake: ["Date"] });
});

const observing = { keyLog: 7, trace: 8 };
const utf8 = new TextDecoder();

const records = (host: TestHost): TraceRecord[] => host.seen("TRACE").flatMap(({ bytes }) => [...readTrace(bytes)]);
const ofKind = <K extends TraceRecord["kind"]>(host: TestHost, kind: K) =>
  records(host).filter((record): record is Extract<TraceRecord, { kind: K }> => record.kind === kind);

function transfer({ network, near }: Connected, streams: number): void {
  for (let i = 0; i < streams; i++) network.client.open(near, 1, seededBytes(40_000, i));
  network.run(() => [...network.server.received.values()].filter(({ finished }) => finished).length === streams);
}

test("TLS secrets come as lines of the key log format, with the configuration's number, and only where asked for", () => {
  const { network } = connected(certificates, { clientObserving: { keyLog: 7 } });
  const lines = network.client.seen("KEY_LOG");
  expect(lines.map(({ value, bytes }) => [value, utf8.decode(bytes).split(" ")[0]])).toEqual([
    [7n, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"],
    [7n, "SERVER_HANDSHAKE_TRAFFIC_SECRET"],
    [7n, "CLIENT_TRAFFIC_SECRET_0"],
    [7n, "SERVER_TRAFFIC_SECRET_0"],
    [7n, "EXPORTER_SECRET"],
  ]);
  for (const { bytes } of lines) expect(utf8.decode(bytes)).toMatch(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64}$/);
  expect(network.server.seen("KEY_LOG")).toEqual([]);
  expect(network.client.seen("TRACE")).toEqual([]);
});

test("both ends log the same secrets", () => {
  const { network } = connected(certificates, { clientObserving: observing, serverObserving: observing });
  const lines = (host: TestHost) => host.seen("KEY_LOG").map(({ bytes }) => utf8.decode(bytes));
  expect(lines(network.client).sort()).toEqual(lines(network.server).sort());
});

test("being observed changes no packet", () => {
  const run = (observed: boolean) => {
    const hash = createHash("sha256");
    const pair = connected(certificates, {
      seed: 5,
      ...(observed && { clientObserving: observing, serverObserving: observing }),
      filter: ({ bytes, index }) => {
        hash.update(bytes);
        return index % 13 !== 5;
      },
    });
    transfer(pair, 20);
    return hash.digest("hex");
  };
  expect(run(true)).toBe(run(false));
});

test("a trace has every packet in the clear, at both ends alike, from the first on", () => {
  const pair = connected(certificates, { clientObserving: observing, serverObserving: observing });
  transfer(pair, 5);
  pair.network.client.engine.closeConnection(pair.near, 0, 9, new TextEncoder().encode("bye"), pair.network.now);
  pair.network.pass(5_000);
  const { client, server } = pair.network;
  const facts = ({
    packetNumber,
    header,
    payload,
  }: {
    packetNumber: bigint;
    header: Uint8Array;
    payload: Uint8Array;
  }) => `${header[0]! >> 4} ${packetNumber} ${Buffer.from(payload).toString("hex")}`;
  const sent = ofKind(client, "sent").map(facts);
  const received = ofKind(server, "received").map(facts);
  expect(received.length).toBeGreaterThan(100);
  expect(received).toEqual(sent);
  expect(ofKind(server, "sent").length).toBeGreaterThan(10);
  const kinds = records(server).map(({ kind }) => kind);
  expect(kinds[0]).toBe("started");
  expect(kinds.at(-1)).toBe("ended");
  expect(kinds.filter((kind) => kind === "closed")).toHaveLength(1);
  expect(ofKind(server, "closed")[0]).toMatchObject({ by: 1, code: 9n, reason: "bye" });
  expect(ofKind(server, "connected")[0]).toMatchObject({ alpn: "test" });
  const [began] = ofKind(client, "started");
  expect(began).toMatchObject({ server: false, tag: 8 });
  expect(ofKind(server, "started")[0]).toMatchObject({ server: true, tag: 8, connectionId: began!.connectionId });
  const times = records(client).map(({ micros }) => micros);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBeGreaterThanOrEqual(1_000_000);
});

test("losses and congestion are told as the counters have them", () => {
  const pair = connected(certificates, {
    clientObserving: observing,
    filter: ({ from, index }) => from.port !== 1111 || index < 20 || index % 11 !== 0,
  });
  transfer(pair, 40);
  pair.network.pass(2_000);
  const stats = pair.network.client.engine.stats(pair.near);
  const lost = ofKind(pair.network.client, "lost").reduce((sum, { packets }) => sum + packets, 0);
  expect(stats.lostPackets).toBeGreaterThan(10);
  expect(lost).toBe(stats.lostPackets);
  expect(ofKind(pair.network.client, "congestion")).toHaveLength(stats.congestionEvents);
  const metrics = ofKind(pair.network.client, "metrics");
  expect(metrics.at(-1)).toMatchObject({ cwndBytes: stats.cwndBytes, rttMicros: stats.rttMicros });
  expect(metrics.at(-1)?.minRttMicros).toBe(stats.minRttMicros);
});

test("records that nobody fetches are bounded, and the lost ones are counted", () => {
  const { network } = connected(certificates, { clientObserving: observing });
  const { client, server } = network;
  server.keepPackets = true;
  server.open(server.seen("CONNECTED")[0]!.connection, 1, seededBytes(5_000, 1));
  network.pass(100);
  const packet = server.sent.reduce((largest, bytes) => (bytes.length > largest.length ? bytes : largest));
  client.events.length = 0;
  const before = client.engine.memoryInUse();
  for (let batch = 0; batch < 10; batch++) {
    for (let slot = 0; slot < client.engine.rxSlots; slot++) {
      client.engine.rxView(slot).set(packet);
      client.engine.rx(slot, packet.length, client.endpoint, client.peerOf(server), 0);
    }
    client.engine.ingest(client.engine.rxSlots, network.now);
  }
  expect(client.engine.memoryInUse() - before).toBeLessThan(6 << 20);
  network.turn();
  const told = ofKind(client, "received").length;
  const [overflow] = ofKind(client, "overflow");
  expect(told).toBeGreaterThan(1_000);
  expect(told + (overflow?.records ?? 0)).toBe(10 * client.engine.rxSlots);
  expect(() => [...readTrace(Uint8Array.of(30, 0, 0, 0, 1))]).toThrow(RangeError);
});
