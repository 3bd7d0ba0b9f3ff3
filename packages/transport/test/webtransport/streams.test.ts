import { WebTransportError, type WebTransportReceiveStream } from "@moqingbird/transport";
import { afterEach, describe, expect, test } from "vitest";
import { pattern } from "../support/pair.ts";
import { all, closeWeb, next, send, sessionPair, text } from "../support/web.ts";

afterEach(closeWeb);

test("streams both ways, opened by either side, bring everything there and back", async () => {
  const { client, server } = await sessionPair();
  for (const [opener, other] of [
    [client, server],
    [server, client],
  ] as const) {
    const near = await opener.createBidirectionalStream();
    const far = await next(other.incomingBidirectionalStreams);
    const [sent, echoed] = [pattern(300_000), far.readable.pipeTo(far.writable)];
    const sending = send(near.writable, sent);
    expect(Buffer.compare(await all(near.readable), sent)).toBe(0);
    await Promise.all([echoed, sending]);
  }
});

test("one-way streams of both sides, empty ones too", async () => {
  const { client, server } = await sessionPair();
  for (const words of ["to the other side", ""]) {
    await send(await client.createUnidirectionalStream(), words);
    expect(text(await all(await next(server.incomingUnidirectionalStreams)))).toBe(words);
    await send(await server.createUnidirectionalStream(), words);
    expect(text(await all(await next(client.incomingUnidirectionalStreams)))).toBe(words);
  }
});

test("a stream both ways that its opener has not written to can be answered", async () => {
  const { client, server } = await sessionPair();
  const near = await client.createBidirectionalStream();
  await send((await next(server.incomingBidirectionalStreams)).writable, "hello first");
  expect(text(await all(near.readable))).toBe("hello first");
});

test("1000 streams one after the other, 100 at a time", async () => {
  const { client, server } = await sessionPair();
  const echo = async () => {
    for await (const { readable, writable } of server.incomingBidirectionalStreams) {
      void readable.pipeTo(writable).catch(() => {}); // the session may end before the last FIN is acknowledged
    }
  };
  void echo().catch(() => {});
  for (let round = 0; round < 10; round++) {
    const answers = Array.from({ length: 100 }, async (_, i) => {
      const stream = await client.createBidirectionalStream();
      const [, answer] = await Promise.all([send(stream.writable, `${round}/${i}`), all(stream.readable)]);
      return text(answer);
    });
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 100 }, (_, i) => `${round}/${i}`));
  }
});

describe("a BYOB reader", () => {
  test("gets the bytes in its own buffers, to the end", async () => {
    const { client, server } = await sessionPair();
    const sent = pattern(100_000);
    const sending = client.createUnidirectionalStream().then((writable) => send(writable, sent));
    const reader = (await next(server.incomingUnidirectionalStreams)).getReader({ mode: "byob" });
    const received: Uint8Array[] = [];
    let buffer = new ArrayBuffer(7001);
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      received.push(value.slice());
      buffer = value.buffer as ArrayBuffer;
    }
    expect(Buffer.compare(Buffer.concat(received), sent)).toBe(0);
    await sending;
  });

  test("waits for bytes, and hears the end while it waits", async () => {
    const { client, server } = await sessionPair();
    const writer = (await client.createUnidirectionalStream()).getWriter();
    const reader = (await next(server.incomingUnidirectionalStreams)).getReader({ mode: "byob" });
    const first = reader.read(new Uint8Array(10));
    await writer.write(Uint8Array.of(1, 2, 3));
    expect((await first).value).toEqual(Uint8Array.of(1, 2, 3));
    const last = reader.read(new Uint8Array(10));
    await writer.close();
    expect(await last).toMatchObject({ done: true });
  });
});

test("a reader that does not read stops the writer, and reading lets it go on", async () => {
  const { client, server } = await sessionPair();
  const writer = (await client.createUnidirectionalStream()).getWriter();
  const readable = await next(server.incomingUnidirectionalStreams);
  const block = pattern(65_536);
  const total = 64;
  let written = 0;
  const writing = (async () => {
    for (; written < total; written++) await writer.write(block);
    await writer.close();
  })();
  await settled(() => written);
  const held = written;
  expect(held).toBeLessThan(total / 2);
  const { bytesReceived, bytesRead } = await readable.getStats();
  expect(bytesRead).toBe(0);
  expect(bytesReceived).toBeLessThanOrEqual(262_144 + 65_536);
  const received = await all(readable);
  expect(received.length).toBe(total * block.length);
  await writing;
});

describe("abort and cancel", () => {
  test("the code of `abort` reaches the reader", async () => {
    const { client, server } = await sessionPair();
    const writable = await client.createUnidirectionalStream();
    const readable = await next(server.incomingUnidirectionalStreams);
    await writable.abort(new WebTransportError("enough", { streamErrorCode: 0xffff_ffff }));
    const error = await failure(readable);
    expect(error).toMatchObject({ name: "WebTransportError", source: "stream", streamErrorCode: 0xffff_ffff });
    expect(error.message).toBe("The peer abandoned the stream with code 4294967295.");
  });

  test("the code of `cancel` reaches the writer", async () => {
    const { client, server } = await sessionPair();
    const writer = (await client.createUnidirectionalStream()).getWriter();
    await (await next(server.incomingUnidirectionalStreams)).cancel(new WebTransportError("", { streamErrorCode: 30 }));
    await expect(writer.closed).rejects.toMatchObject({ source: "stream", streamErrorCode: 30 });
    await expect(writer.write(Uint8Array.of(1))).rejects.toMatchObject({ streamErrorCode: 30 });
  });

  test("any other reason is code 0", async () => {
    const { client, server } = await sessionPair();
    const stream = await client.createBidirectionalStream();
    const far = await next(server.incomingBidirectionalStreams);
    await stream.writable.abort("whatever");
    expect(await failure(far.readable)).toMatchObject({ streamErrorCode: 0 });
    await stream.readable.cancel();
    await expect(far.writable.getWriter().closed).rejects.toMatchObject({ streamErrorCode: 0 });
  });

  test("the end of the session is no code of a stream", async () => {
    const { client, server } = await sessionPair();
    const writer = (await client.createUnidirectionalStream()).getWriter();
    const reading = failure(await next(server.incomingUnidirectionalStreams));
    server.close();
    expect(await reading).toMatchObject({ source: "session", streamErrorCode: null });
    await expect(writer.closed).rejects.toMatchObject({ source: "session", streamErrorCode: null });
  });
});

test("what has a higher send order leaves first", async () => {
  const { client, server } = await sessionPair();
  // Three streams that together are more than the peer lets the connection have under way.
  const block = pattern(200_000);
  const order: number[] = [];
  const streams = await Promise.all(
    [-5, 7, 0].map(async (sendOrder) => {
      const writable = await client.createUnidirectionalStream({ sendOrder });
      expect(writable.sendOrder).toBe(sendOrder);
      return { sendOrder, writable };
    }),
  );
  const arriving = server.incomingUnidirectionalStreams.getReader();
  const read = async () => {
    const { value } = await arriving.read();
    const bytes = await all(value!);
    order.push((bytes[0]! << 24) >> 24);
  };
  await Promise.all([
    ...streams.map(({ sendOrder, writable }) => send(writable, Buffer.concat([Uint8Array.of(sendOrder), block]))),
    ...streams.map(read),
  ]);
  expect(order).toEqual([7, 0, -5]);
});

test("streams count their bytes", async () => {
  const { client, server } = await sessionPair();
  const group = client.createSendGroup();
  const writable = await client.createUnidirectionalStream({ sendGroup: group });
  expect(writable.sendGroup).toBe(group);
  await send(writable, pattern(5000));
  const readable = await next(server.incomingUnidirectionalStreams);
  await all(readable);
  expect(await writable.getStats()).toEqual({ bytesWritten: 5000, bytesSent: 5000, bytesAcknowledged: 5000 });
  expect(await group.getStats()).toEqual({ bytesWritten: 5000, bytesSent: 5000, bytesAcknowledged: 5000 });
  expect(await readable.getStats()).toEqual({ bytesReceived: 5000, bytesRead: 5000 });
});

test("only bytes can be written, and what was written may be changed after", async () => {
  const { client, server } = await sessionPair();
  const writer = (await client.createUnidirectionalStream()).getWriter();
  const mine = Uint8Array.of(1, 2, 3, 4);
  await writer.write(mine.subarray(1, 3));
  mine.fill(9);
  await writer.write(Uint16Array.of(0x0605).buffer);
  await writer.close();
  expect(await all(await next(server.incomingUnidirectionalStreams))).toEqual(Buffer.from([2, 3, 5, 6]));
  const other = (await client.createUnidirectionalStream()).getWriter();
  await expect(other.write("text" as unknown as Uint8Array)).rejects.toThrow(
    "A chunk is an ArrayBuffer or a view of one.",
  );
});

test("a WebTransportError is made in W3C's form and in the older one of Chromium", () => {
  for (const error of [
    new WebTransportError("gone", { streamErrorCode: 7, source: "session" }),
    new WebTransportError({ message: "gone", streamErrorCode: 7, source: "session" }),
  ]) {
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({ name: "WebTransportError", message: "gone", streamErrorCode: 7, source: "session" });
  }
  expect(new WebTransportError()).toMatchObject({ message: "", streamErrorCode: null, source: "stream" });
  const clamped = [-1, 2 ** 32, 1.4].map(
    (streamErrorCode) => new WebTransportError("", { streamErrorCode }).streamErrorCode,
  );
  expect(clamped).toEqual([0, 0xffff_ffff, 1]);
});

/** What reading fails with. */
async function failure(readable: WebTransportReceiveStream): Promise<WebTransportError> {
  try {
    await all(readable);
  } catch (error) {
    return error as WebTransportError;
  }
  throw new Error("reading did not fail");
}

/** Resolves when a number has stopped growing for some turns of the event loop. */
async function settled(value: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    same = value() === last ? same + 1 : 0;
    last = value();
  }
}
