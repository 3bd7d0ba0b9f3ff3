import { ByteReader, ByteWriter, type ReceiveSink, type SendSource } from "@moqingbird/transport";
import { afterEach, expect, test } from "vitest";
import { closeAll, echo, exchange, Inbox, isBidirectional, pair, pattern } from "./support/pair.ts";

afterEach(closeAll);

test("a stream both ways comes back as it was sent", async () => {
  const { client } = await pair({ serve: echo });
  const { writer, reader } = exchange(client);
  writer.write(new TextEncoder().encode("hello, mockingbird"));
  writer.finish();
  expect(new TextDecoder().decode(await reader.bytes())).toBe("hello, mockingbird");
  await writer.acknowledged();
});

test("one-way streams of both sides arrive with their ids, also before the client has a handler", async () => {
  const inbox = new Inbox<readonly [bigint, ByteReader]>();
  const receive = {
    stream: (stream: { id: bigint }) => {
      const reader = new ByteReader();
      inbox.put([stream.id, reader]);
      return reader;
    },
  };
  const { client, server } = await pair({
    serve: (connection) => {
      ByteWriter.open(connection).finish(); // an empty stream: FIN alone
      return receive;
    },
  });
  client.handler = receive;
  const [emptyId, empty] = await inbox.next();
  expect([emptyId, await empty.bytes()]).toEqual([3n, new Uint8Array(0)]);
  for (const [from, id] of [
    [client, 2n],
    [server, 7n],
  ] as const) {
    const writer = ByteWriter.open(from);
    writer.write(pattern(5000));
    writer.finish();
    const [seenId, reader] = await inbox.next();
    expect(seenId).toBe(id);
    expect(Buffer.compare(await reader.bytes(), pattern(5000))).toBe(0);
  }
});

test("10 MB pass each way at once, unharmed", async () => {
  const { client } = await pair({ serve: echo });
  const { writer, reader } = exchange(client);
  const block = pattern(65_536);
  const total = 10 * 2 ** 20;
  const send = async () => {
    for (let sent = 0; sent < total; sent += block.length) if (!writer.write(block)) await writer.drained();
    writer.finish();
  };
  const receive = async () => {
    let at = 0;
    for await (const chunk of reader) {
      for (let done = 0; done < chunk.length; ) {
        const from = (at + done) % block.length;
        const count = Math.min(chunk.length - done, block.length - from);
        const same = Buffer.compare(chunk.subarray(done, done + count), block.subarray(from, from + count)) === 0;
        if (!same) throw new Error(`bytes differ within ${count} of offset ${at + done}`);
        done += count;
      }
      at += chunk.length;
    }
    return at;
  };
  const [, received] = await Promise.all([send(), receive()]);
  expect(received).toBe(total);
}, 60_000);

test("a reader that does not read holds the sender back, in both directions", async () => {
  const servers = new Inbox<{ writer: ByteWriter; reader: ByteReader }>();
  const settings = { streamCreditBytes: 65_536, streamReceiveWindow: 131_072, sendWindow: 262_144 };
  const { client } = await pair({
    listen: { transport: settings },
    connect: { transport: settings },
    serve: () => ({
      stream: (stream) => {
        if (!isBidirectional(stream)) throw new Error("unexpected");
        const side = { writer: new ByteWriter({ limitBytes: 65_536 }), reader: new ByteReader() };
        stream.setSource(side.writer);
        servers.put(side);
        return side.reader;
      },
    }),
  });
  const near = { writer: new ByteWriter({ limitBytes: 65_536 }), reader: new ByteReader() };
  client.openBidirectional(near.writer, near.reader);
  const chunk = pattern(16_384);
  const total = 8 * 2 ** 20;
  /** Writes all it may; tells how far it got. */
  const feed = async (writer: ByteWriter, progress: { sent: number }) => {
    for (; progress.sent < total; progress.sent += chunk.length) if (!writer.write(chunk)) await writer.drained();
    writer.finish();
  };
  const [forth, back] = [{ sent: 0 }, { sent: 0 }];
  const forthDone = feed(near.writer, forth);
  const far = await servers.next();
  const backDone = feed(far.writer, back);
  // Nobody reads: what is under way settles at the sum of the bounds. Round trips of another stream tell the time.
  let before = -1;
  while (before !== forth.sent + back.sent) {
    before = forth.sent + back.sent;
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const bound = 65_536 * 2 + 131_072 + 262_144;
  for (const { sent } of [forth, back]) {
    expect(sent).toBeGreaterThan(65_536);
    expect(sent).toBeLessThanOrEqual(bound);
  }
  expect(near.reader.bufferedBytes).toBeLessThanOrEqual(65_536);
  expect(far.reader.bufferedBytes).toBeLessThanOrEqual(65_536);
  const count = async (reader: ByteReader) => {
    let bytes = 0;
    for await (const part of reader) bytes += part.length;
    return bytes;
  };
  expect(await Promise.all([count(near.reader), count(far.reader), forthDone, backDone])).toEqual([
    total,
    total,
    undefined,
    undefined,
  ]);
}, 60_000);

test("a thousand streams at once, above the peer's limit, all come back", async () => {
  const { client } = await pair({ serve: echo });
  const replies = Array.from({ length: 1000 }, async (_, i) => {
    const { writer, reader } = exchange(client);
    writer.write(new TextEncoder().encode(`stream ${i}`));
    writer.finish();
    return new TextDecoder().decode(await reader.bytes());
  });
  expect(await Promise.all(replies)).toEqual(Array.from({ length: 1000 }, (_, i) => `stream ${i}`));
});

test("reset and stop carry 62-bit codes both ways", async () => {
  const max = (1n << 62n) - 1n;
  for (const code of [0n, 1n, 0x1_0000_0000n, max]) {
    const streams = new Inbox<{ reset: Promise<bigint>; stop(): void }>();
    const { client } = await pair({
      serve: () => ({
        stream: (stream) => {
          const reset = Promise.withResolvers<bigint>();
          streams.put({ reset: reset.promise, stop: () => stream.stop(code) });
          return { data() {}, finished() {}, reset: reset.resolve };
        },
      }),
    });
    const first = new ByteWriter();
    const resetting = client.openUnidirectional(first);
    first.write(pattern(10));
    const { reset } = await streams.next();
    resetting.reset(code);
    expect(await reset).toBe(code);

    const stopped = Promise.withResolvers<bigint>();
    const ended = Promise.withResolvers<void>();
    const source: SendSource = {
      pending: true,
      finished: false,
      pull: (target, offset, max) => {
        target.fill(7, offset, offset + max);
        return max;
      },
      stopped: stopped.resolve,
      closed: () => ended.resolve(),
    };
    client.openUnidirectional(source);
    const { stop } = await streams.next();
    stop();
    expect(await stopped.promise).toBe(code);
    await ended.promise;
    await closeAll();
  }
});

test("a stream reset before its first byte is never seen by the peer and takes no id", async () => {
  const ids = new Inbox<bigint>();
  const { client } = await pair({
    serve: () => ({
      stream: (stream) => {
        ids.put(stream.id);
        return new ByteReader();
      },
    }),
  });
  const dropped = client.openUnidirectional(new ByteWriter());
  dropped.reset(5);
  const writer = new ByteWriter();
  const kept = client.openUnidirectional(writer);
  expect(kept.id).toBeUndefined();
  writer.write(pattern(1));
  expect(await ids.next()).toBe(2n);
  expect(kept.id).toBe(2n);
});

test("the lowest sort key leaves first", async () => {
  const order = new Inbox<number>();
  const { client } = await pair({
    serve: () => ({
      stream: () => {
        let first = true;
        return {
          data: (bytes, start) => {
            if (first) order.put(bytes[start] as number);
            first = false;
          },
          finished() {},
          reset() {},
        };
      },
    }),
  });
  for (const key of [5, 3, 9, 1]) {
    const writer = new ByteWriter();
    client.openUnidirectional(writer, [0, 0, 0, key]);
    writer.write(new Uint8Array(3000).fill(key));
    writer.finish();
  }
  expect([await order.next(), await order.next(), await order.next(), await order.next()]).toEqual([1, 3, 5, 9]);
});

test("a source is told, once each, that everything was acknowledged and that it is over", async () => {
  const { client } = await pair({ serve: echo });
  const calls: string[] = [];
  const over = Promise.withResolvers<void>();
  let left = 3;
  const source: SendSource = {
    get pending() {
      return left > 0;
    },
    get finished() {
      return left === 0;
    },
    pull: (target, offset) => {
      target[offset] = left--;
      return 1;
    },
    opened: () => calls.push("opened"),
    acked: () => calls.push("acked"),
    closed: () => {
      calls.push("closed");
      over.resolve();
    },
  };
  client.openUnidirectional(source);
  await over.promise;
  client.close();
  await client.closed;
  expect(calls).toEqual(["opened", "acked", "closed"]);
});

test("engine calls from inside pull are done after the packet", async () => {
  const got = new Inbox<string>();
  const { client } = await pair({
    serve: () => ({
      stream: () => {
        const reader = new ByteReader();
        void reader.bytes().then(
          (bytes) => got.put(new TextDecoder().decode(bytes)),
          () => got.put("reset"),
        );
        return reader;
      },
    }),
  });
  const other = new ByteWriter();
  client.openUnidirectional(other);
  let left = 1;
  client.openUnidirectional({
    get pending() {
      return left > 0;
    },
    get finished() {
      return left === 0;
    },
    pull: (target, offset) => {
      left = 0;
      target[offset] = 0x61;
      other.write(new TextEncoder().encode("woken"));
      other.finish();
      return 1;
    },
  });
  expect([await got.next(), await got.next()].sort()).toEqual(["a", "woken"]);
});

test("credit that is not given back stops a stream, and giving it lets it go on", async () => {
  const streams = new Inbox<{ received(): number; credit(bytes: number): void; idle: Inbox<void> }>();
  const { client } = await pair({
    listen: { transport: { streamCreditBytes: 32_768 } },
    serve: () => ({
      stream: (stream) => {
        stream.autoCredit = false;
        let received = 0;
        const idle = new Inbox<void>();
        streams.put({ received: () => received, credit: (bytes) => stream.credit(bytes), idle });
        const sink: ReceiveSink = {
          data: (_bytes, start, end) => {
            received += end - start;
            if (received % 32_768 === 0) idle.put();
          },
          finished: () => idle.put(),
          reset() {},
        };
        return sink;
      },
    }),
  });
  const writer = ByteWriter.open(client, { limitBytes: 1e6 });
  writer.write(pattern(98_304));
  writer.finish();
  const { received, credit, idle } = await streams.next();
  for (const expected of [32_768, 65_536, 98_304]) {
    await idle.next();
    expect(received()).toBe(expected);
    credit(32_768);
  }
});
