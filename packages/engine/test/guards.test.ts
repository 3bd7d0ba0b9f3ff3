import { createEngine, type Engine, EngineError, prepared } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

function code(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof EngineError) return error.code;
    throw error;
  }
  return "none";
}

test("calling the engine from inside prepare is an error, and the engine goes on", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  const calls: [string, (engine: Engine) => unknown][] = [
    ["activate", (engine) => engine.activate(1)],
    ["events", (engine) => engine.events()],
    ["pump", (engine) => engine.pump(0, 1)],
    ["ingest", (engine) => engine.ingest(0, 0)],
    ["openEndpoint", (engine) => engine.openEndpoint(-1)],
    ["stats", (engine) => engine.stats(near)],
  ];
  const caught: string[] = [];
  client.onPrepare = () => {
    for (const [, call] of calls) caught.push(code(() => call(client.engine)));
  };
  client.open(near, 1, Uint8Array.of(1));
  network.run(() => server.seen("DATA").length === 1);
  expect(caught.slice(0, calls.length)).toEqual(calls.map(() => "reentrant"));
});

test("after a trap every call of that instance says so, and its neighbour works", () => {
  const { network, near } = connected(certificates);
  const { engine } = network.client;
  engine.memory.fill(0xff);
  expect(code(() => engine.timers(network.now + 1e9))).toBe("crashed");
  expect(code(() => engine.events())).toBe("crashed");
  expect(code(() => engine.activate(1))).toBe("crashed");
  expect(code(() => engine.stats(near))).toBe("crashed");
  const neighbour = createEngine({ prepare: () => prepared(0, false, false) });
  expect(neighbour.events()).toBe(0);
});

test("the memory's buffer never changes", () => {
  const { network, near } = connected(certificates);
  const { buffer } = network.server.engine.memory;
  expect(buffer.byteLength).toBeGreaterThan(250 << 20);
  network.client.open(near, 1, new Uint8Array(3_000_000));
  network.run(() => [...network.server.received.values()][0]?.finished === true);
  expect(network.server.engine.memory.buffer).toBe(buffer);
  expect(network.server.engine.memory.length).toBe(buffer.byteLength);
});

test("a slot is built into again only after its release", () => {
  const engine = connected(certificates, { client: { budget: 8 } });
  const { client } = engine.network;
  client.open(engine.near, 1, new Uint8Array(100_000));
  const first = client.engine.pump(engine.network.now, 4);
  expect(first).toBeGreaterThan(1);
  const held = Array.from({ length: first }, (_, i) => client.engine.txSlot(i));
  const copies = held.map((slot) => client.engine.txView(slot).slice());
  const second = client.engine.pump(engine.network.now, 4);
  for (let i = 0; i < second; i++) expect(held).not.toContain(client.engine.txSlot(i));
  for (const [i, slot] of held.entries()) expect(Buffer.compare(client.engine.txView(slot), copies[i]!)).toBe(0);
});

test("a watched slot is overwritten at its release; looking, writing or releasing later is an error", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  const { engine } = client;
  client.open(near, 1, new Uint8Array(20_000));
  network.run(() => [...server.received.values()][0]?.finished === true);
  client.open(near, 1, new Uint8Array(20_000));
  expect(engine.pump(network.now, 2)).toBe(2);
  const [slot, held] = [engine.txSlot(0), engine.txSlot(1)];
  const late = engine.txView(slot);
  engine.releaseTx(slot);
  expect(late.every((byte) => byte === late[0])).toBe(true);
  expect(code(() => engine.txView(slot))).toBe("slot-misused");
  expect(code(() => engine.releaseTx(slot))).toBe("slot-misused");
  expect(code(() => engine.txView(held))).toBe("none");
  late[100] = 1;
  expect(code(() => engine.pump(network.now, 2))).toBe("slot-misused");
});

test("timers fire in time, are cancelled, and are dead afterwards", () => {
  const { network } = connected(certificates);
  const { client } = network;
  const start = network.now;
  const timers = [500, 20, 3000, 20].map((ms) => client.engine.armTimer(start + ms * 1000));
  expect(client.engine.cancelTimer(timers[1]!)).toBe(true);
  expect(client.engine.cancelTimer(timers[1]!)).toBe(false);
  network.run(() => client.seen("TIMER").length === 3);
  expect(client.seen("TIMER").map(({ stream, at }) => [stream, at - start])).toEqual([
    [timers[3], 20_000],
    [timers[0], 500_000],
    [timers[2], 3_000_000],
  ]);
  expect(client.engine.cancelTimer(timers[0]!)).toBe(false);
});

test("timers that are cancelled unfired make room for others, without any other event", () => {
  const { engine } = connected(certificates).network.client;
  for (let turn = 0; turn < 300; turn++) {
    for (let i = 0; i < 1000; i++) engine.cancelTimer(engine.armTimer(1e15 + i));
    expect(engine.events()).toBe(0);
  }
});

test("a peer keeps its index", () => {
  const { engine } = connected(certificates).network.client;
  const a = engine.internPeer(Uint8Array.of(192, 0, 2, 1), 1);
  const b = engine.internPeer(Uint8Array.of(192, 0, 2, 1), 2);
  const c = engine.internPeer(new Uint8Array(16).fill(0xfe), 1);
  expect(new Set([a, b, c]).size).toBe(3);
  expect(engine.internPeer(Uint8Array.of(192, 0, 2, 1), 1)).toBe(a);
  expect(code(() => engine.internPeer(Uint8Array.of(1, 2, 3), 1))).toBe("address-invalid");
});
