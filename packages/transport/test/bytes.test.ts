import { expect, test } from "vitest";
import { ByteReader } from "../src/byte-reader.ts";
import { ByteWriter } from "../src/byte-writer.ts";
import type { ReceiveStream, SendStream } from "../src/streams.ts";

function sendStream(): SendStream & { activations: number; resets: (number | bigint)[] } {
  return {
    id: 2n,
    activations: 0,
    resets: [],
    activate() {
      this.activations++;
    },
    setSortKey() {},
    reset(code = 0) {
      this.resets.push(code);
    },
  };
}

function receiveStream(): ReceiveStream & { credits: number; stops: (number | bigint)[] } {
  return {
    id: 2n,
    autoCredit: true,
    credits: 0,
    stops: [],
    credit(bytes) {
      this.credits += bytes;
    },
    stop(code = 0) {
      this.stops.push(code);
    },
    setSink() {},
  };
}

const numbers = (from: number, count: number) => Uint8Array.from({ length: count }, (_, i) => (from + i) & 0xff);

test("a writer hands out its chunks in whatever pieces packets take", () => {
  const writer = new ByteWriter();
  const stream = sendStream();
  writer.opened(stream);
  writer.write(numbers(0, 5));
  writer.write(numbers(5, 0));
  writer.write(numbers(5, 10));
  expect(stream.activations).toBe(2);
  const target = new Uint8Array(20);
  const counts = [3, 4, 100].map((max, i) => writer.pull(target, [2, 5, 9][i] as number, max));
  expect(counts).toEqual([3, 4, 8]);
  expect([...target.subarray(2, 17)]).toEqual([...numbers(0, 15)]);
  expect([writer.pending, writer.finished]).toEqual([false, false]);
  writer.finish();
  expect([writer.pending, writer.finished]).toEqual([false, true]);
});

test("a full writer says so, refuses more, and wakes its caller at half", async () => {
  const writer = new ByteWriter({ limitBytes: 100 });
  expect(writer.write(numbers(0, 60))).toBe(true);
  expect(writer.write(numbers(0, 60))).toBe(false);
  expect(() => writer.write(numbers(0, 1))).toThrow(
    "The writer already holds 120 bytes of at most 100. Wait for drained() when write() returns false.",
  );
  let drained = false;
  const waiting = writer.drained().then(() => {
    drained = true;
  });
  writer.pull(new Uint8Array(69), 0, 69);
  await Promise.resolve();
  expect(drained).toBe(false);
  writer.pull(new Uint8Array(1), 0, 1);
  await waiting;
  await writer.drained();
  expect(writer.queuedBytes).toBe(50);
});

test("acknowledged resolves when everything has arrived", async () => {
  const writer = new ByteWriter();
  writer.write(numbers(0, 3));
  let acked = false;
  const acknowledged = writer.acknowledged().then(() => {
    acked = true;
  });
  writer.finish();
  expect(() => writer.write(numbers(0, 1))).toThrow("The writer is closed already.");
  writer.pull(new Uint8Array(3), 0, 3);
  await Promise.resolve();
  expect(acked).toBe(false);
  writer.acked();
  await acknowledged;
  writer.closed();
  await writer.acknowledged();
});

test("a stopped stream fails its writer, whoever waits", async () => {
  const writer = new ByteWriter({ limitBytes: 1 });
  writer.write(numbers(0, 2));
  const drained = writer.drained();
  const acknowledged = writer.acknowledged();
  writer.finish();
  writer.stopped(7n);
  await expect(drained).rejects.toMatchObject({ code: "stream-stopped" });
  await expect(acknowledged).rejects.toThrow("(code 7)");
  expect(() => writer.write(numbers(0, 1))).toThrow("(code 7)");
  expect(writer.queuedBytes).toBe(0);
});

test("a reset writer drops its queue and resets the stream", () => {
  const writer = new ByteWriter();
  const stream = sendStream();
  writer.opened(stream);
  writer.write(numbers(0, 5));
  writer.reset(9);
  expect(stream.resets).toEqual([9]);
  expect(writer.pending).toBe(false);
});

test("ten thousand small chunks leave in order and none is kept", () => {
  const writer = new ByteWriter({ limitBytes: 1e6 });
  for (let i = 0; i < 10_000; i++) writer.write(Uint8Array.of(i & 0xff));
  const target = new Uint8Array(10_000);
  let at = 0;
  while (writer.pending) at += writer.pull(target, at, 137);
  expect(target.every((byte, i) => byte === (i & 0xff))).toBe(true);
});

test("a reader gathers packets, gives credit for what is taken, and ends", async () => {
  const reader = new ByteReader();
  const stream = receiveStream();
  reader.opened(stream);
  expect(stream.autoCredit).toBe(false);
  const arena = numbers(0, 200);
  reader.data(arena, 10, 20);
  reader.data(arena, 20, 30);
  expect([reader.bufferedBytes, stream.credits]).toEqual([20, 0]);
  expect(await reader.read()).toEqual(numbers(10, 20));
  expect([reader.bufferedBytes, stream.credits]).toEqual([0, 20]);
  const next = reader.read();
  await expect(reader.read()).rejects.toThrow("another read still waits");
  reader.data(arena, 30, 33);
  arena.fill(0); // the arena is reused after the call
  expect(await next).toEqual(numbers(30, 3));
  const end = reader.read();
  reader.finished();
  expect(await end).toBeUndefined();
  expect(await reader.read()).toBeUndefined();
});

test("a long stream comes in blocks, not in packets", async () => {
  const reader = new ByteReader();
  const packet = numbers(0, 1200);
  for (let i = 0; i < 500; i++) reader.data(packet, 0, 1200);
  reader.finished();
  let [chunks, total] = [0, 0];
  for await (const chunk of reader) {
    chunks++;
    for (const byte of chunk) if (byte !== ((total++ % 1200) & 0xff)) throw new Error(`wrong byte at ${total - 1}`);
  }
  expect(total).toBe(600_000);
  expect(chunks).toBeLessThan(20);
});

test("a reset stream gives what came, then fails with the code", async () => {
  const reader = new ByteReader();
  reader.data(numbers(0, 3), 0, 3);
  reader.reset(5n);
  expect(await reader.read()).toEqual(numbers(0, 3));
  await expect(reader.read()).rejects.toMatchObject({
    code: "stream-reset",
    message: expect.stringContaining("code 5"),
  });
  const other = new ByteReader();
  const waiting = other.read();
  other.closed();
  await expect(waiting).rejects.toMatchObject({ code: "closed" });
});

test("breaking out of a loop stops the stream", async () => {
  const reader = new ByteReader();
  const stream = receiveStream();
  reader.opened(stream);
  reader.data(numbers(0, 3), 0, 3);
  for await (const _ of reader) break;
  expect(stream.stops).toEqual([0]);
  expect(await reader.read()).toBeUndefined();
});

test("bytes() refuses more than its limit", async () => {
  const reader = new ByteReader();
  reader.data(numbers(0, 20), 0, 20);
  await expect(reader.bytes(10)).rejects.toMatchObject({ code: "queue-full" });
});
