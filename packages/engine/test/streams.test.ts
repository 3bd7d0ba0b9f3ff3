import { beforeAll, describe, expect, test } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import { seededBytes, seededRandom } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

/** No packet is larger. */
const largestPacket = 1452;
/** More than a source is ever asked for at once. */
const mostAhead = 8 * largestPacket;
const largest = 2n ** 62n - 1n;
const high = Number(largest >> 32n);
const low = 0xffff_ffff;

test("2000 streams of every size arrive byte-equal through a limit of 16", () => {
  const { network, near } = connected(certificates, { serverTransport: { maxUniStreams: 16 } });
  const { client, server } = network;
  const random = seededRandom(7);
  const bodies = Array.from({ length: 2000 }, (_, i) => {
    const body = seededBytes(4 + Math.floor(random() * 3000), i);
    new DataView(body.buffer).setUint32(0, i);
    return body;
  });
  for (const body of bodies) client.open(near, 1, body);
  const finished = () => [...server.received.values()].filter((received) => received.finished);
  network.run(() => client.seen("RELEASED").length === bodies.length, 600_000);
  for (const received of finished()) {
    const bytes = received.bytes();
    expect(Buffer.compare(bytes, bodies[Buffer.from(bytes).readUInt32BE(0)]!)).toBe(0);
  }
  expect(finished()).toHaveLength(bodies.length);
  expect(client.seen("ACKED")).toHaveLength(bodies.length);
  expect(client.seen("RELEASED")).toHaveLength(bodies.length);
  expect(client.seen("CREDIT").length).toBeGreaterThan(0);
});

test("STREAM is directly followed by the stream's first DATA or RESET", () => {
  const { network, near } = connected(certificates);
  for (let i = 0; i < 50; i++) network.client.open(near, i % 2 === 0 ? 0 : 1, seededBytes(i * 50));
  network.run(() => network.server.seen("STREAM").length === 50);
  network.server.events.forEach((event, i) => {
    if (event.kind !== "STREAM") return;
    const next = network.server.events[i + 1]!;
    expect(["DATA", "RESET"]).toContain(next.kind);
    expect(next.stream).toBe(event.stream);
  });
});

test("an empty stream arrives as its end", () => {
  const { network, near } = connected(certificates);
  network.client.open(near, 1, new Uint8Array(0));
  network.run(() => network.server.seen("DATA").length === 1);
  expect(network.server.seen("DATA")).toMatchObject([{ flags: 1, bytes: new Uint8Array(0) }]);
});

describe("endings", () => {
  test("a reset carries its code up to 2^62 - 1", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const stream = client.open(near, 1, Uint8Array.of(1, 2, 3), false);
    network.run(() => server.seen("DATA").length === 1);
    expect(client.engine.reset(stream, high, low)).toBe(0);
    network.run(() => server.seen("RESET").length === 1);
    expect(server.seen("RESET")[0]!.value).toBe(largest);
    expect(client.seen("RELEASED")).toHaveLength(1);
    expect(server.seen("RELEASED")).toHaveLength(1);
  });

  test("a stop carries its code up to 2^62 - 1, ends the sender, and is answered by a reset", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const stream = client.open(near, 1, seededBytes(100), false);
    network.run(() => server.seen("DATA").length === 1);
    const incoming = server.seen("STREAM")[0]!.stream;
    expect(server.engine.stop(incoming, high, low)).toBe(0);
    network.run(() => client.seen("RELEASED").length === 1);
    expect(client.seen("STOP")).toMatchObject([{ stream, value: largest }]);
    client.send(stream, seededBytes(10));
    network.pass(100);
    expect(server.seen("DATA")).toHaveLength(1);
    expect(server.seen("RELEASED")).toHaveLength(1);
  });

  test("a code above 2^62 - 1 is refused", () => {
    const { network, near } = connected(certificates);
    const stream = network.client.open(near, 1, Uint8Array.of(1));
    expect(network.client.engine.reset(stream, 0x4000_0000, 0)).toBe(-5);
  });

  test("one side of a bidirectional stream ends without the other", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const stream = client.open(near, 0, Uint8Array.of(1), true);
    network.run(() => client.seen("ACKED").length === 1);
    expect(client.seen("RELEASED")).toEqual([]);
    server.send(server.seen("STREAM")[0]!.stream, Uint8Array.of(2), true);
    network.run(() => client.seen("RELEASED").length === 1 && server.seen("RELEASED").length === 1);
    expect([...client.received.get(stream)!.bytes()]).toEqual([2]);
  });

  test("a bidirectional stream stopped before its id was taken is stopped all the same", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const stream = client.open(near, 0, Uint8Array.of(1), false);
    client.engine.stop(stream, 0, 9);
    network.run(() => server.seen("STOP").length === 1);
    expect(server.seen("STOP")[0]!.value).toBe(9n);
  });

  test("a handle is stale after its RELEASED", () => {
    const { network, near } = connected(certificates);
    const { engine } = network.client;
    const stream = network.client.open(near, 1, Uint8Array.of(1));
    network.run(() => network.client.seen("RELEASED").length === 1);
    expect(engine.activate(stream)).toBe(-1);
    expect(engine.setKey(stream, 0, 0, 0, 0)).toBe(-1);
    expect(engine.reset(stream, 0, 0)).toBe(-1);
    expect(engine.stop(stream, 0, 0)).toBe(-1);
    expect(engine.credit(stream, 1)).toBe(-1);
    expect(engine.streamId(stream)).toBe(-1);
    for (const nonsense of [0, 1, 0x7fff_ffff, 0xffff_ffff]) expect(engine.activate(nonsense)).toBe(-1);
    expect(engine.openStream(0xdead_beef, 0, 0, 0, 0, 0)).toBe(-1);
    expect(() => engine.stats(0xdead_beef)).toThrow("already gone");
  });
});

describe("just in time", () => {
  test("an id is taken at the first byte: streams reset before it cost none", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const doomed = Array.from({ length: 20 }, () => client.open(near, 1, Uint8Array.of(0)));
    expect(doomed.map((stream) => client.engine.streamId(stream))).toEqual(doomed.map(() => -1));
    for (const stream of doomed) client.engine.reset(stream, 0, 1);
    const kept = client.open(near, 1, Uint8Array.of(1));
    network.run(() => client.seen("ACKED").length === 1);
    expect(server.seen("STREAM").map((event) => event.value)).toEqual([2n]); // the first uni stream of a client
    expect(server.seen("RESET")).toEqual([]);
    expect(client.seen("RELEASED").map((event) => event.stream)).toEqual([...doomed, kept]);
  });

  test("behind a full window at most one packet of new bytes is pulled", () => {
    // The peer's window is wide; nothing is acknowledged any more, so congestion control blocks.
    const { network, near } = connected(certificates);
    const { client, server } = network;
    network.filter = ({ from }) => from !== server;
    client.open(near, 1, seededBytes(4_000_000));
    network.pass(20); // long enough for the pacer, too short for a probe, which may exceed the window
    expect(client.pulled).toBeLessThan(client.engine.stats(near).cwndBytes + 1200);
    const before = client.pulled;
    for (let i = 0; i < 20; i++) client.open(near, 1, seededBytes(5000, i));
    network.turn();
    network.turn();
    expect(client.pulled).toBe(before);
  });

  test("a source is asked for the packets that may leave now at once, eight at most, and for one when none may", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const asked: number[] = [];
    client.onPrepare = (_stream, max) => asked.push(max);
    client.open(near, 1, seededBytes(200_000));
    network.turn();
    expect(asked[0]).toBeGreaterThan(7 * 1100);
    expect(Math.max(...asked)).toBeLessThan(mostAhead);
    network.filter = ({ from }) => from !== server;
    network.pass(20);
    expect(asked.at(-1)).toBeLessThan(largestPacket);
  });

  test("bytes given ahead of their packets let a more urgent stream pass", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const late = client.open(near, 1, seededBytes(6000), true, 2);
    client.engine.pump(network.now, 1); // a packet that is lost
    expect(client.outgoing.get(late)!.at).toBe(6000);
    client.open(near, 1, seededBytes(3000), true, 1);
    const ended = () => [...server.received.values()].filter((received) => received.finished);
    network.run(() => ended().length > 0);
    expect(ended().map((received) => received.length)).toEqual([3000]);
    network.run(() => ended().length === 2);
  });

  test("bytes given ahead of their packets are dropped by a reset", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const before = client.engine.stats(near).sentBytes;
    const stream = client.open(near, 1, seededBytes(6000));
    client.engine.pump(network.now, 1);
    expect(client.outgoing.get(stream)!.at).toBe(6000);
    client.engine.reset(stream, 0, 9);
    network.run(() => server.seen("RESET").length === 1);
    expect(client.engine.stats(near).sentBytes - before).toBeLessThan(6000 / 2);
  });

  test("a stream behind its flow control window is not asked for bytes, and does not hold up another", () => {
    const window = 4096;
    const { network, near } = connected(certificates, {
      server: { autoCredit: false },
      serverTransport: { streamReceiveWindow: window, streamCreditBytes: 1 },
    });
    const { client, server } = network;
    const stuck = client.open(near, 1, seededBytes(100_000), true, 0);
    network.pass(200);
    const asked = client.outgoing.get(stuck)!.prepares;
    expect(client.outgoing.get(stuck)!.at).toBeLessThan(window + mostAhead);
    const other = client.open(near, 1, seededBytes(1), true, 1);
    network.run(() => [...server.received.values()].some((received) => received.finished));
    network.pass(200);
    expect(client.outgoing.get(stuck)!.prepares).toBe(asked);
    expect(client.outgoing.get(other)!.at).toBe(1);
    // Credit lets it go on to its end.
    server.autoCredit = true;
    const first = [...server.received.keys()][0]!;
    server.engine.credit(first, 100_000);
    network.run(() => server.received.get(first)!.finished);
    expect(Buffer.compare(server.received.get(first)!.bytes(), seededBytes(100_000))).toBe(0);
  });

  test("the lowest key leaves first, first in first out among equals, whenever the key was given", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const words: [number, number, number, number][] = [
      [0, 0, 0, 5],
      [1, 0, 0, 0],
      [0, 0, 0, 5],
      [0, 0, 1, 0],
      [0, 1, 0, 0],
      [0xffff_ffff, 0, 0, 0],
    ];
    const streams = words.map(([k3, k2, k1, k0], i) => {
      const stream = client.engine.openStream(near, 1, k3, k2, k1, k0);
      client.send(stream, Uint8Array.of(i));
      return stream;
    });
    client.engine.setKey(streams[5]!, 0, 0, 0, 1); // the last becomes the first
    network.run(() => server.seen("DATA").length === words.length);
    expect(server.seen("DATA").map((event) => event.bytes[0])).toEqual([5, 0, 2, 3, 4, 1]);
  });

  test("small streams share packets", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    for (let i = 0; i < 100; i++) client.open(near, 1, seededBytes(40, i));
    client.keepPackets = true;
    network.run(() => server.seen("DATA").length === 100);
    expect(client.sent.length).toBeLessThan(12);
  });

  test("a prepare that throws resets its stream only, and the error reaches the host", () => {
    const { network, near } = connected(certificates);
    const { client, server } = network;
    const broken = client.open(near, 1, seededBytes(10));
    client.onPrepare = (stream) => {
      if (stream === broken) throw new Error("no bytes today");
    };
    network.turn();
    expect(() => network.turn()).toThrow("no bytes today");
    client.open(near, 1, Uint8Array.of(1));
    network.run(() => server.seen("DATA").length === 1);
    expect(client.seen("RELEASED").map((event) => event.stream)).toContain(broken);
  });
});

describe("receive credit", () => {
  test("bytes are delivered as far as the host gave credit, and no further", () => {
    const { network, near } = connected(certificates, {
      server: { autoCredit: false },
      serverTransport: { streamCreditBytes: 1000 },
    });
    const { client, server } = network;
    client.open(near, 1, seededBytes(5000));
    network.pass(200);
    const [stream, received] = [...server.received][0]!;
    expect(received.length).toBe(1000);
    server.engine.credit(stream, 2500);
    network.pass(50);
    expect(received.length).toBe(3500);
    server.engine.credit(stream, 1500);
    network.pass(50);
    expect(received.length).toBe(5000);
    expect(received.finished).toBe(true);
    expect(Buffer.compare(received.bytes(), seededBytes(5000))).toBe(0);
  });

  test("the sender's window widens only as bytes are delivered", () => {
    const { network, near } = connected(certificates, {
      server: { autoCredit: false },
      serverTransport: { streamReceiveWindow: 8192, streamCreditBytes: 4096 },
    });
    network.client.open(near, 1, seededBytes(100_000));
    network.pass(1000);
    expect(network.client.pulled).toBeLessThan(4096 + 8192 + mostAhead);
  });
});
