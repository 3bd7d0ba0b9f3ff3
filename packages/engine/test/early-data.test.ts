/** 0-RTT through the wasm; what holds it back and what a replay comes to is tested natively (wasm/crates/quic). */
import { type EarlyData, readTrace } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, createCertificates } from "./connected.ts";
import { Dialler, type Ends, keysOf, type Serving, serve } from "./dialler.ts";
import type { TestHost } from "./host.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

const listen = (host: TestHost, options: Partial<Serving> = {}) =>
  serve(host, { leaf: certificates.leaf, earlyData: true, ...options });

/** What both ends say became of it. */
function earlyData({ network }: Dialler, { near, far }: Ends): EarlyData[] {
  return [network.client, network.server].map(
    ({ engine }, side) => engine.connectionInfo(side === 0 ? near : far).earlyData,
  );
}

/** Dials with bytes to say at once, and returns both ends with what the server got. */
function sayAtOnce(dialler: Dialler, bytes: Uint8Array): Ends & { readonly got: Uint8Array[] } {
  const { client, server } = dialler.network;
  const near = dialler.dial();
  client.open(near, 1, bytes);
  const ends = dialler.finish(near);
  const got = [...server.received.values()].filter(({ connection }) => connection === ends.far);
  return { ...ends, got: got.map((stream) => stream.bytes()) };
}

/** Types of the long headers in the client's packets, by its own trace. */
function longHeaders(host: TestHost): number[] {
  const types: number[] = [];
  for (const event of host.seen("TRACE")) {
    for (const record of readTrace(event.bytes)) {
      if (record.kind !== "sent") continue;
      const [first = 0] = record.header;
      if ((first & 0x80) !== 0) types.push((first >> 4) & 3);
    }
  }
  return types;
}

const zeroRtt = 1; // RFC 9000 section 17.2

test("with a ticket for it the first bytes leave in 0-RTT packets, and are there when the handshake is done", () => {
  const dialler = new Dialler({}, { earlyData: true, trace: 1 });
  const { client, server } = dialler.network;
  listen(server);
  expect(earlyData(dialler, dialler.connect())).toEqual(["none", "none"]);
  expect(longHeaders(client)).not.toContain(zeroRtt);
  const bytes = seededBytes(3000);
  const connection = sayAtOnce(dialler, bytes);
  expect(earlyData(dialler, connection)).toEqual(["accepted", "accepted"]);
  expect(longHeaders(client).filter((type) => type === zeroRtt).length).toBeGreaterThanOrEqual(3);
  expect(connection.got).toEqual([Buffer.from(bytes)]);
  const order = server.events.filter((event) => event.connection === connection.far).map(({ kind }) => kind);
  expect(order.slice(0, 2)).toEqual(["CONNECTED", "STREAM"]);
  expect(client.engine.stats(connection.near).lostPackets).toBe(0);
});

test("a successor with the keys of its predecessor knows none of its sessions, and takes nothing early", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } }, { earlyData: true, trace: 1 });
  const { network } = dialler;
  listen(network.server);
  dialler.connect();
  listen(network.succeed({ keys }));
  const connection = sayAtOnce(dialler, seededBytes(3000));
  expect(longHeaders(network.client)).toContain(zeroRtt);
  expect(earlyData(dialler, connection)).toEqual(["rejected", "none"]);
  expect(dialler.resumed(connection)).toEqual([false, false]);
  expect(connection.got).toEqual([]);
  expect(network.client.events.filter(({ kind }) => kind === "RELEASED" || kind === "ACKED")).toEqual([]);
  // Another stream on the same connection, and another connection, go as ever.
  const stream = network.client.open(connection.near, 1, seededBytes(3000, 2));
  network.run(() => network.client.seen("ACKED").some((event) => event.stream === stream));
  expect(earlyData(dialler, sayAtOnce(dialler, seededBytes(3000, 3)))).toEqual(["accepted", "accepted"]);
});

test("a client that must prove its address first says everything again with the proof", () => {
  const dialler = new Dialler({}, { earlyData: true });
  const { client, server } = dialler.network;
  listen(server, { retry: true });
  dialler.connect();
  client.address = Uint8Array.of(10, 0, 9, 9); // its token is for the old one
  const sent = { retries: 0, early: 0 };
  dialler.network.filter = ({ bytes, from }) => {
    if (from === server && bytes[0]! >> 4 === 0xf) sent.retries++;
    if (from === client && bytes[0]! >> 4 === 0xd) sent.early++;
    return true;
  };
  const bytes = seededBytes(3000);
  const connection = sayAtOnce(dialler, bytes);
  expect(sent.retries).toBe(1);
  expect(sent.early).toBeGreaterThanOrEqual(4);
  expect(earlyData(dialler, connection)).toEqual(["accepted", "accepted"]);
  expect(connection.got).toEqual([Buffer.from(bytes)]);
});

test("each ticket is good for one connection, and each connection brings others", () => {
  const dialler = new Dialler({}, { earlyData: true });
  listen(dialler.network.server);
  dialler.connect();
  for (let round = 0; round < 10; round++) {
    const connection = sayAtOnce(dialler, seededBytes(100, round));
    expect(earlyData(dialler, connection)).toEqual(["accepted", "accepted"]);
  }
});

test("nothing leaves early unless both sides were told to", () => {
  for (const [offers, takes] of [
    [false, true],
    [true, false],
    [false, false],
  ] as const) {
    const dialler = new Dialler({}, { earlyData: offers, trace: 1 });
    const { client, server } = dialler.network;
    listen(server, { earlyData: takes });
    dialler.connect();
    const connection = sayAtOnce(dialler, seededBytes(100));
    expect(dialler.resumed(connection)).toEqual([true, true]);
    expect(earlyData(dialler, connection)).toEqual(["none", "none"]);
    expect(longHeaders(client)).not.toContain(zeroRtt);
    expect(connection.got).toEqual([Buffer.from(seededBytes(100))]);
  }
});
