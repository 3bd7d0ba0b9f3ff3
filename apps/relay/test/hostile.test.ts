/**
 * The relay as a process under attack: it stays below 300 MB, tells offenders the draft's code, and those who behave go on.
 * One relay takes all of it, one after the other.
 */
import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { largestNamespace, Outgoing, objectHeader, RawClient, subgroupHeader, utf8 } from "./support/raw-client.ts";
import { RelayProcess } from "./support/relay-process.ts";

const attackMs = 2000;
const maxMegabytes = 300;
/** A healthy delay is 1 ms; a machine with other work to do adds to it. */
const maxMedianMs = 100;
const filler = new Uint8Array(65_536).fill(7);

let relay: RelayProcess;
let clients: RawClient[] = [];
let until = 0;

beforeAll(async () => {
  relay = await RelayProcess.start();
}, 30_000);
afterAll(() => relay.stop());
beforeEach(() => {
  relay.watch();
  until = performance.now() + attackMs;
});
afterEach(async () => {
  const { missing, medianMs, closed } = await relay.health();
  for (const client of clients) client.close();
  clients = [];
  expect({ running: relay.running, noise: relay.noise, closed }).toEqual({ running: true, noise: [], closed: [] });
  expect(relay.peakMegabytes).toBeLessThan(maxMegabytes);
  expect(medianMs).toBeLessThan(maxMedianMs);
  expect(missing).toBeLessThan(10); // under way when counted
});

/** Calls `step` until the time is up; a turn of the event loop passes whenever it returns false. */
async function keepOn(step: () => boolean | undefined): Promise<void> {
  while (performance.now() < until) {
    for (let i = 0; i < 50 && step() !== false; i++);
    await sleep(1);
  }
}
async function open(count: number, options = {}): Promise<RawClient[]> {
  for (let i = 0; i < count; i++) clients.push(await RawClient.open(relay.port, options));
  return clients.slice(-count);
}
async function attackedTrack(name: string, options = {}, subscribers = 1) {
  const all = await RawClient.track(relay.port, name, options, subscribers);
  clients.push(all.publisher, ...all.subscribers);
  return all;
}

test("a flood of groups with one byte, or none", async () => {
  const { publisher, alias } = await attackedTrack("tiny groups");
  let group = 0;
  await keepOn(() => {
    if (publisher.openStreams > 200) return false;
    const object = group % 2 === 0 ? [objectHeader(0, 1), filler.subarray(0, 1)] : [];
    publisher.stream([subgroupHeader(alias, group++), ...object]);
    return true;
  });
  expect(group).toBeGreaterThan(1000);
  expect(publisher.end).toBeUndefined();
});

test("a group that never ends, of objects without a byte", async () => {
  const { publisher, alias } = await attackedTrack("tiny objects");
  const stream = publisher.stream([subgroupHeader(alias, 0)], false);
  let id = 0;
  await keepOn(() => {
    if (stream.waitingBytes > 100_000) return false;
    stream.write(...Array.from({ length: 200 }, () => objectHeader(id++, 0)));
    return !stream.over;
  });
  expect(id).toBeGreaterThan(10_000);
});

test("subscribers that take nothing of a fast publisher", async () => {
  const transport = { connectionReceiveWindow: 4000, streamReceiveWindow: 2000, maxUniStreams: 2 };
  const { publisher, alias } = await attackedTrack("deaf", { transport }, 8);
  let group = 0;
  let stream = new Outgoing();
  stream.over = true;
  let id = 0;
  await keepOn(() => {
    if (!stream.over && stream.waitingBytes > 200_000) return false;
    if (stream.over || id === 64) {
      stream.finish();
      stream = publisher.stream([subgroupHeader(alias, group++)], false);
      id = 0;
    }
    stream.write(objectHeader(id++, filler.length), filler);
    return true;
  });
  expect(group).toBeGreaterThan(1);
  expect(publisher.end).toBeUndefined();
});

test("extension headers and objects of which the end never comes", async () => {
  const cut = objectHeader(0, 1, new Uint8Array(65_000)).subarray(0, -2000);
  for (let i = 0; i < 8; i++) {
    const { publisher, alias } = await attackedTrack(`cut ${i}`);
    for (let group = 0; group < 60; group++) {
      publisher.stream([subgroupHeader(alias, group, true), cut], false);
      publisher.stream([subgroupHeader(alias, 1000 + group, true), objectHeader(0, 2 ** 40, new Uint8Array(0))], false);
    }
  }
  await keepOn(() => false);
});

test("streams and datagrams under aliases that nobody knows", async () => {
  const all = await open(30);
  let alias = 1000;
  await keepOn(() => {
    const client = all[alias % all.length] as RawClient;
    if (client.openStreams < 100)
      client.stream([subgroupHeader(alias, 0), objectHeader(0, 2 ** 20), filler.subarray(0, 8000)], false);
    client.connection.sendDatagram(Uint8Array.of(0x00, 0x7f, 0xff, 1, 0, 128, 1, 2, 3));
    return ++alias % 50 !== 0;
  });
  expect(all.every((client) => client.end === undefined)).toBe(true);
});

test("as many of the largest namespaces as are let, and some announced and withdrawn for ever", async () => {
  const all = await open(10);
  let number = 0;
  await keepOn(() => {
    const index = number % all.length;
    const client = all[index] as RawClient;
    const namespace = largestNamespace(number++);
    if (client.end !== undefined || !client.mayAsk || client.control.waitingBytes > 50_000) return false;
    client.announce(namespace);
    if (index < 3) client.say({ type: "publishNamespaceDone", namespace });
    return true;
  });
  expect(all.reduce((sum, client) => sum + client.count("publishNamespaceOk"), 0)).toBeGreaterThan(100);
});

test("floods of SUBSCRIBE, to nowhere and to a publisher that minds its business", async () => {
  const all = await open(6);
  let number = 0;
  await keepOn(() => {
    const index = number++ % all.length;
    const client = all[index] as RawClient;
    if (client.end !== undefined || !client.mayAsk || client.control.waitingBytes > 50_000) return false;
    const namespace = index < 2 ? largestNamespace(number).slice(0, 8) : [utf8("healthy"), utf8("room")];
    const requestId = client.subscribe(namespace, utf8(`track ${number}`));
    if (index >= 4) client.say({ type: "unsubscribe", requestId });
    return true;
  });
  expect(number).toBeGreaterThan(1000);
});

test("peers that ask and do not read the answers", async () => {
  const transport = { streamReceiveWindow: 1000, streamCreditBytes: 1000, connectionReceiveWindow: 1000 };
  const all = await open(20, { transport, reads: false });
  let number = 0;
  await keepOn(() => {
    const client = all[number++ % all.length] as RawClient;
    if (client.end !== undefined || client.control.waitingBytes > 50_000) return number % 20 !== 0;
    client.subscribe(largestNamespace(number).slice(0, 4), utf8("t"));
    return true;
  });
  expect(number).toBeGreaterThan(100);
});

test("sessions that come and go, and many that stay", async () => {
  await open(60);
  while (performance.now() < until) (await RawClient.open(relay.port)).close();
});

test("noise at the port, from a fixed seed", async () => {
  const socket = createSocket("udp4");
  let state = 0x2545f491;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  await keepOn(() => {
    const bytes = Buffer.from(Array.from({ length: 20 + (random() % 1300) }, random));
    if (random() % 2 === 0) {
      bytes[0] = 0xc0 | (random() & 0x0f);
      bytes.writeUInt32BE(1, 1); // QUIC version 1
    }
    socket.send(bytes, relay.port, "127.0.0.1");
    return random() % 20 !== 0;
  });
  socket.close();
});

test("who breaks the draft is told which rule", async () => {
  const [id, twice, limit, message, alone] = (await open(5)) as [RawClient, RawClient, RawClient, RawClient, RawClient];
  id.say({ type: "publishNamespace", requestId: 7, namespace: [utf8("a")], parameters: {} });
  limit.say({ type: "goaway", newSessionUri: "moqt://elsewhere" });
  message.control.write(Uint8Array.of(0x3f, 0, 0)); // no such message
  alone.stream([Uint8Array.of(0x3f)]); // no such stream
  const second = new Outgoing();
  second.write(Uint8Array.of(1));
  const stream = twice.connection.openBidirectional(second, { data: () => {}, finished: () => {}, reset: () => {} });
  second.stream = stream;
  stream.activate();
  const codes = await Promise.all(
    [id, twice, limit, message, alone].map(async (client) => (await client.connection.closed).code),
  );
  expect(codes).toEqual([4n, 3n, 3n, 3n, 3n]);
});
