import { afterEach, expect, test } from "vitest";
import { pattern } from "../support/pair.ts";
import { closeWeb, dialled, next, sessionPair, web } from "../support/web.ts";

afterEach(closeWeb);

test("datagrams go both ways, up to the size that fits", async () => {
  const { client, server } = await sessionPair();
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const largest = from.datagrams.maxDatagramSize;
    expect(largest).toBeGreaterThan(1100);
    const writer = from.datagrams.createWritable().getWriter();
    for (const size of [1, 500, largest]) {
      const received = next(to.datagrams.readable);
      await writer.write(pattern(size));
      expect(Buffer.compare(await received, pattern(size))).toBe(0);
    }
    await writer.write(pattern(largest + 300));
    expect((await from.getStats()).datagrams.expiredOutgoing).toBe(1);
  }
});

test("a write waits while as many as may wait are queued, so that a loop of writes drops none and starves nobody", async () => {
  const { client } = await sessionPair();
  client.datagrams.outgoingMaxBufferedDatagrams = 4;
  const writer = client.datagrams.writable.getWriter();
  const most: number[] = [];
  for (let i = 0; i < 2000; i++) {
    await writer.write(pattern(1000));
    most.push(client.connection!.stats().queuedDatagrams);
  }
  expect(Math.max(...most)).toBeLessThan(4);
  expect((await client.getStats()).datagrams.expiredOutgoing).toBe(0);
  const waiting = Promise.allSettled(Array.from({ length: 50 }, () => writer.write(pattern(1000))));
  client.close();
  await waiting; // nobody waits for room on a session that is over
});

test("the oldest unread give way, and are counted", async () => {
  const { client, server } = await sessionPair();
  server.datagrams.incomingMaxBufferedDatagrams = 3;
  const writer = client.datagrams.writable.getWriter();
  for (let i = 0; i < 10; i++) await writer.write(Uint8Array.of(i));
  const arrived = async () => (await server.getStats()).datagrams.droppedIncoming;
  while ((await arrived()) < 7) await new Promise((resolve) => setImmediate(resolve));
  const read: number[] = [];
  for (let i = 0; i < 3; i++) read.push((await next(server.datagrams.readable))[0]!);
  expect(read).toEqual([7, 8, 9]);
});

test("a BYOB reader gets whole datagrams", async () => {
  const served = await web();
  const client = await dialled(served.url(), { datagramsReadableType: "bytes" });
  const server = await served.sessions.next();
  const reader = client.datagrams.readable.getReader({ mode: "byob" } as never) as unknown as ReadableStreamBYOBReader;
  const reading = reader.read(new Uint8Array(100));
  await server.datagrams.writable.getWriter().write(Uint8Array.of(1, 2, 3));
  expect((await reading).value).toEqual(Uint8Array.of(1, 2, 3));
});

test("ages are null or above 0", async () => {
  const { client } = await sessionPair();
  client.datagrams.incomingMaxAge = 100;
  client.datagrams.outgoingMaxAge = Number.POSITIVE_INFINITY;
  expect([client.datagrams.incomingMaxAge, client.datagrams.outgoingMaxAge]).toEqual([100, null]);
  expect(() => {
    client.datagrams.outgoingMaxAge = -1;
  }).toThrow(RangeError);
});

test("the readable side ends with the session", async () => {
  const { client, server } = await sessionPair();
  const reading = server.datagrams.readable.getReader().read();
  client.close();
  expect(await reading).toMatchObject({ done: true });
});
