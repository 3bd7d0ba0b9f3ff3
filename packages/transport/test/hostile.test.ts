import { createSocket } from "node:dgram";
import { once } from "node:events";
import { EngineError } from "@moqingbird/engine";
import { executor, type TransportError } from "@moqingbird/transport";
import { afterEach, expect, test, vi } from "vitest";
import { runtime } from "../src/quic/thread.ts";
import { certificate, client, closeAll, echo, exchange, Inbox, listener, pair, pattern } from "./support/pair.ts";

afterEach(async () => {
  vi.restoreAllMocks();
  await closeAll();
});

test("random and mutated datagrams at the port harm nobody: a healthy client goes on", async () => {
  const seed = Number(process.env.SEED ?? Date.now() >>> 0);
  console.log(`hostile datagrams: SEED=${seed}`);
  const random = randomizer(seed);
  const { listener: opened, client: healthy } = await pair({ serve: echo });
  const real: Buffer[] = [];
  const tap = createSocket("udp4").bind(0, "127.0.0.1");
  await once(tap, "listening");
  tap.on("message", (packet) => real.push(packet));
  await client({ ...opened, address: tap.address() } as typeof opened, { timeoutMs: 100 }).catch(() => {});
  expect(real.length).toBeGreaterThan(0); // an Initial to mutate
  const attacker = createSocket("udp4");
  const send = (packet: Uint8Array) =>
    new Promise<void>((resolve) => attacker.send(packet, opened.address.port, "127.0.0.1", () => resolve()));
  const before = executor().counters.packetsReceived;
  for (let i = 0; i < 3000; i++) {
    let packet: Uint8Array;
    if (random(2) === 0) {
      packet = Uint8Array.from({ length: random(2000) }, () => random(256));
      if (packet.length > 0) packet[0] = random(256) | 0x40;
    } else {
      packet = Uint8Array.from(real[random(real.length)] as Buffer);
      for (let flips = random(6); flips >= 0; flips--) packet[random(packet.length)] = random(256);
      if (random(4) === 0) packet = packet.subarray(0, random(packet.length));
    }
    await send(packet);
  }
  const { writer, reader } = exchange(healthy);
  writer.write(pattern(50_000));
  writer.finish();
  expect(Buffer.compare(await reader.bytes(), pattern(50_000))).toBe(0);
  expect((await client(opened)).protocol).toBe("test");
  expect(executor().counters.packetsReceived - before).toBeGreaterThan(1000);
  attacker.close();
  tap.close();
}, 60_000);

test("a burst is taken in up to five times the slots, and what is above is dropped and counted", async () => {
  const { client: near } = await pair({ serve: echo });
  const before = executor().counters.packetsDropped;
  const { engine } = runtime();
  for (let i = 0; i < 5 * engine.rxSlots + 88; i++) runtime().receive(pattern(100, i + 1), 0, 0, 0);
  expect(executor().counters.packetsDropped - before).toBe(88);
  const { writer, reader } = exchange(near);
  writer.write(pattern(10));
  writer.finish();
  expect(await reader.bytes()).toHaveLength(10);
});

function crash(): void {
  vi.spyOn(runtime().engine, "pump").mockImplementation(() => {
    throw new EngineError("crashed", undefined, { cause: new Error("unreachable") });
  });
  runtime().touch();
}

test("a crashed engine ends its connections with an error, and its listeners go on with another", async () => {
  const { promise: restarted, resolve: onRestart } = Promise.withResolvers<TransportError>();
  const { client: near, server: far, listener: opened } = await pair({ serve: echo, listen: { onRestart } });
  const waiting = new Promise<string>((resolve) => executor().schedule(20, () => resolve("timer")));
  const { reader } = exchange(near);
  const reading = reader.bytes();
  crash();
  near.sendDatagram(pattern(1));
  for (const connection of [near, far]) {
    const info = await connection.closed;
    expect(info).toMatchObject({ by: "engine", error: { code: "engine-crashed" } });
    expect(info.error?.message).toContain("unreachable");
  }
  await expect(reading).rejects.toMatchObject({ code: "closed" });
  expect(await restarted).toMatchObject({ code: "engine-crashed" });
  expect(await waiting).toBe("timer"); // moved to the new engine's wheel
  near.close();
  expect(near.sendDatagram(pattern(1))).toBe(false);
  expect((await client(opened)).protocol).toBe("test");
  opened.setCertificate(await certificate());
  expect((await client(opened)).protocol).toBe("test");
  await opened.close();
  expect(await opened.closed).toBeUndefined();
  const again = await listener({ port: opened.address.port });
  expect((await client(again)).protocol).toBe("test");
});

test("listeners end when the engine crashes again and again, and the next listen works", async () => {
  const restarts = new Inbox<TransportError>();
  const opened = await listener({ onRestart: (error) => restarts.put(error) });
  let crashes = 0;
  const next = () => Promise.race([restarts.next().then(() => true), opened.closed.then(() => false)]);
  do {
    crashes++;
    crash();
  } while (await next());
  expect(crashes).toBeGreaterThan(6);
  expect(await opened.closed).toMatchObject({ code: "engine-crashed" });
  expect(() => opened.setCertificate({ chain: "", key: "" })).toThrow("The listener is closed already.");
  const again = await listener({ port: opened.address.port });
  expect((await client(again)).protocol).toBe("test");
});

test("teardown in any order neither traps nor leaks", async () => {
  const seed = Number(process.env.SEED ?? Date.now() >>> 0);
  console.log(`teardown order: SEED=${seed}`);
  const random = randomizer(seed);
  for (let round = 0; round < 30; round++) {
    const { client: near, server: far, listener: opened } = await pair({ serve: echo });
    const streams = Array.from({ length: 5 }, () => exchange(near));
    for (const { writer } of streams) writer.write(pattern(random(100_000)));
    const steps = [
      () => near.close({ code: 1 }),
      () => far.close({ code: 2 }),
      () => void opened.close({ code: 3 }),
      ...streams.flatMap(({ writer, reader }) => [() => writer.reset(4), () => reader.stop(5), () => writer.finish()]),
    ];
    while (steps.length > 0) {
      steps.splice(random(steps.length), 1)[0]?.();
      if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const ends = await Promise.all([near.closed, far.closed]);
    for (const { by } of ends) expect(["local", "peer-application"]).toContain(by);
    for (const { reader } of streams) await reader.bytes().catch(() => {});
  }
}, 60_000);

/** Numbers below a bound, the same for the same seed. */
function randomizer(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}
