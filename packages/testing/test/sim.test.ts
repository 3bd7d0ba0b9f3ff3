/** The parts of a simulation: time, event loop, links, hosts. The faults themselves are tested in wasm/crates/sim. */
import { expect, test } from "vitest";
import {
  EventLoop,
  type LinkCounters,
  LinkModel,
  type LinkSettings,
  Network,
  seededEntropy,
  Timeline,
  totalCounters,
} from "../src/index.ts";

const packet = (first: number, length = 100) => new Uint8Array(length).fill(first);

test("events come in the order of their moments, then of their arming, and promises settle in between", async () => {
  const timeline = new Timeline();
  const start = timeline.now;
  const order: string[] = [];
  timeline.plan(start + 20, () => order.push("third"));
  timeline.plan(start + 10, () => {
    order.push("first");
    void Promise.resolve().then(() => order.push("its promise"));
  });
  timeline.plan(start + 10, () => order.push("second"));
  const cancelled = timeline.plan(start + 15, () => order.push("never"));
  expect([cancelled.cancel(), cancelled.cancel()]).toEqual([true, false]);
  await timeline.pass(1);
  expect(order).toEqual(["first", "its promise", "second", "third"]);
  expect(timeline.elapsedMs).toBe(1);
});

test("waiting ends at its limit, and at once when nothing is left that could happen", async () => {
  const timeline = new Timeline();
  const never = new Promise<void>(() => {});
  await expect(timeline.until(never, 5, "the last byte")).rejects.toThrow("Nothing is left to happen");
  timeline.plan(timeline.now + 6000, () => {});
  await expect(timeline.until(never, 5, "the last byte")).rejects.toThrow(
    "The last byte was not reached within 5 ms of virtual time.",
  );
  await expect(timeline.until(Promise.resolve(7), 5)).resolves.toBe(7);
});

test("timers fire at whole milliseconds, up to one late, as Node's do", async () => {
  const timeline = new Timeline();
  const loop = new EventLoop(timeline, 0);
  await timeline.pass(0.4);
  const fired: number[] = [];
  loop.setTimeout(() => fired.push(timeline.elapsedMs), 1);
  loop.setTimeout(() => fired.push(timeline.elapsedMs), 0);
  loop.clearTimeout(loop.setTimeout(() => fired.push(-1), 1));
  await timeline.pass(5);
  expect(fired).toEqual([2, 2]);
});

test("an immediate that has nothing to do before a moment runs then, or sooner when something happens", async () => {
  const timeline = new Timeline();
  const loop = new EventLoop(timeline, 0);
  const ran: string[] = [];
  const at = () => Math.round(timeline.elapsedMs * 10) / 10;
  loop.setImmediate(() => ran.push(`late ${at()}`), timeline.now + 500);
  await timeline.pass(1);
  loop.setImmediate(() => ran.push(`stirred ${at()}`), timeline.now + 500);
  loop.stir();
  await timeline.pass(1);
  expect(ran).toEqual(["late 0.5", "stirred 1"]);
});

test("one seed means the same faults here and in the native tests of wasm/crates/sim", () => {
  const link = new LinkModel(0).create(42, {
    latencyMs: 10,
    lossPercent: 10,
    reorderPercent: 10,
    jitter: { gaussMs: 2 },
  });
  const arrivals = Array.from({ length: 8 }, (_, n) => {
    let arrival = 0;
    link.offer(n * 1000, 1200, 0, (at) => {
      arrival = at;
    });
    return arrival;
  });
  expect(arrivals).toEqual([10303, 13424, 13963, 26182, 14037, 16849, 18635, 18635]);
});

test.each<[keyof LinkCounters, LinkSettings]>([
  ["forwarded", {}],
  ["lost", { lossPercent: 50 }],
  ["burstLost", { burst: { period: 10, length: 2 } }],
  ["listed", { dropIndices: [3] }],
  ["blackedOut", { blackout: { firstMs: 5, lengthMs: 5, pauseMs: 0 } }],
  ["tooLarge", { mtu: 99 }],
  ["queueDropped", { rateKbps: 100, queuePackets: 1 }],
  ["suspended", { suspension: { firstMs: 5, lengthMs: 5, pauseMs: 5 } }],
  ["jittered", { jitter: { wifiMs: 5 } }],
  ["reordered", { reorderPercent: 50 }],
  ["corrupted", { corruptPercent: 50 }],
  ["marked", { markPercent: 50 }],
  ["duplicated", { duplicatePercent: 50 }],
  ["rebound", { rebinding: { firstMs: 5, everyMs: 5 } }],
])("%s counts what %j does", async (counter, settings) => {
  const network = new Network(new Timeline(), 1);
  const [from, to] = [network.host(), network.host()];
  const pair = network.link(from, to, settings, {});
  let arrived = 0;
  to.bind(9, () => arrived++);
  const socket = from.bind(0, () => {});
  for (let n = 0; n < 20; n++) {
    socket?.send(packet(n), to.address, 9, 2);
    await network.timeline.pass(1);
  }
  await network.timeline.pass(1000);
  const counters = totalCounters([pair]);
  expect(counters[counter]).toBeGreaterThan(0);
  expect(counters.offered).toBe(20);
  expect(arrived).toBe(counters.forwarded);
  if (counter !== "forwarded") {
    const { [counter]: _, offered: __, forwarded: ___, ...others } = counters;
    expect(Object.values(others).every((count) => count === 0)).toBe(true);
  }
});

test("a corrupted packet differs in one bit, and the sender's bytes stay as they are", async () => {
  const network = new Network(new Timeline(), 1);
  const [from, to] = [network.host(), network.host()];
  network.link(from, to, { corruptPercent: 100 });
  const seen: Uint8Array[] = [];
  to.bind(9, (bytes) => seen.push(bytes.slice()));
  const sent = packet(0);
  from.bind(0, () => {})?.send(sent, to.address, 9, 0);
  await network.timeline.pass(1);
  expect(seen[0]?.reduce((bits, byte) => bits + byte.toString(2).replaceAll("0", "").length, 0)).toBe(1);
  expect(sent).toEqual(packet(0));
});

test("behind a NAT that forgets, answers to any port of a host find their way back", async () => {
  const network = new Network(new Timeline(), 1);
  const [inside, outside] = [network.host(), network.host()];
  network.link(inside, outside, { rebinding: { firstMs: 10, everyMs: 10 } });
  const ports: number[] = [];
  const answers: string[] = [];
  const server = outside.bind(9, (bytes, address, port) => {
    ports.push(port);
    server?.send(bytes, address, port, 0);
  });
  const client = inside.bind(0, (_bytes, address, port) => answers.push(`${address}:${port}`));
  for (let n = 0; n < 3; n++) {
    client?.send(packet(n), outside.address, 9, 0);
    await network.timeline.pass(10);
  }
  expect(new Set(ports).size).toBe(3);
  expect(ports[0]).toBe(client?.port);
  expect(answers).toEqual(Array(3).fill(`${outside.address}:9`));
  expect(network.strayPackets).toBe(0);
});

test("a slow host takes its packets one after another, and drops what its buffer cannot hold", async () => {
  const network = new Network(new Timeline(), 1);
  const [from, to] = [network.host(), network.host({ cpuMicrosPerPacket: 1000, bufferPackets: 3 })];
  network.link(from, to);
  const arrivals: number[] = [];
  to.bind(9, () => arrivals.push(network.timeline.elapsedMs));
  const socket = from.bind(0, () => {});
  for (let n = 0; n < 5; n++) socket?.send(packet(n), to.address, 9, 0);
  await network.timeline.pass(10);
  expect(arrivals).toEqual([1, 2, 3]);
  expect(to.overrunPackets).toBe(2);
});

test("ports are one socket's at a time, and packets to none are counted", async () => {
  const network = new Network(new Timeline(), 1);
  const [from, to] = [network.host(), network.host()];
  network.link(from, to);
  const socket = from.bind(7, () => {});
  expect(from.bind(7, () => {})).toBeUndefined();
  socket?.close();
  expect(from.bind(7, () => {})?.port).toBe(7);
  socket?.send(packet(1), to.address, 9, 0);
  socket?.send(packet(1), "192.0.2.1", 9, 0);
  await network.timeline.pass(1);
  expect(network.strayPackets).toBe(2);
});

test("entropy is repeatable and differs by seed", () => {
  const bytes = (seed: number) => {
    const target = new Uint8Array(16);
    seededEntropy(seed)(target);
    return Buffer.from(target).toString("hex");
  };
  expect(bytes(1)).toBe(bytes(1));
  expect(bytes(1)).not.toBe(bytes(2));
});
