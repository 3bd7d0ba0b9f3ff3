import { ByteReader, ByteWriter, type IncomingStream, type ReceiveSink, type SortKey } from "@moqingbird/transport";
import { describe, expect, test } from "vitest";
import { absentParameters, encodeParameters } from "../../src/qmux/parameters.ts";
import type { QmuxConnection } from "../../src/qmux/qmux-connection.ts";
import type { WireVersion } from "../../src/qmux/versions.ts";
import { joined, varint } from "../../src/varint.ts";
import { hex, toHex } from "../h3/hex.ts";
import { echo, exchange, Inbox, pattern } from "../support/pair.ts";
import { endOf, framesOf, type LinkedPair, linked } from "./link.ts";

const versions: readonly WireVersion[] = ["qmux-02", "qmux-01", "qmux-00", "webtransport"];

/** Runs virtual time until a promise settles. */
async function during<T>({ clock }: Pick<LinkedPair, "clock">, promise: Promise<T>, limitMs = 600_000): Promise<T> {
  let over = false;
  void promise.then(
    () => (over = true),
    () => (over = true),
  );
  for (let passed = 0; !over && passed < limitMs; passed += 100) await clock.advance(100);
  if (!over) throw new Error(`Nothing came within ${limitMs} ms of virtual time.`);
  return promise;
}

/** A message whose parameters are all generous, then some frames. */
function opening(frames = ""): Uint8Array {
  const parameters = encodeParameters({
    ...absentParameters,
    initialMaxData: 1_000_000,
    initialMaxStreamDataBidiLocal: 1_000_000,
    initialMaxStreamDataBidiRemote: 1_000_000,
    initialMaxStreamDataUni: 1_000_000,
    initialMaxStreamsBidi: 10,
    initialMaxStreamsUni: 10,
  });
  return joined(hex("ff5153300d0a0d0a"), varint(parameters.length), parameters, hex(frames));
}

/** A server to which only what a test says is sent. */
function bare(version: WireVersion = "qmux-02") {
  const pair = linked({ version });
  const { server, down, clock } = pair;
  pair.up.dead = true; // the client of the pair plays no part
  return { server, clock, sent: down, end: endOf(server), faults: pair.faults };
}

const idle: ReceiveSink = { data: () => {}, finished: () => {}, reset: () => {} };

describe.each(versions)("over %s", (version) => {
  test("streams go both ways, and back", async () => {
    const pair = linked({ version, delayMs: 5 });
    pair.server.handler = echo();
    const { writer, reader } = exchange(pair.client);
    const sent = pattern(300_000);
    void (async () => {
      for (let at = 0; at < sent.length; at += 10_000) {
        if (!writer.write(sent.subarray(at, at + 10_000))) await writer.drained();
      }
      writer.finish();
    })();
    const got = await during(pair, reader.bytes());
    expect(Buffer.compare(got, sent)).toBe(0);
    await during(pair, writer.acknowledged());
  });

  test("a thousand streams come one way, each with its own bytes", async () => {
    const pair = linked({ version, delayMs: 1 });
    const got = new Map<string, string>();
    const all = Promise.withResolvers<void>();
    pair.server.handler = {
      stream: (stream) => {
        const reader = new ByteReader();
        void reader.bytes().then((bytes) => {
          got.set(String(stream.id), new TextDecoder().decode(bytes));
          if (got.size === 1000) all.resolve();
        });
        return reader;
      },
    };
    for (let i = 0; i < 1000; i++) {
      const writer = ByteWriter.open(pair.client);
      writer.write(new TextEncoder().encode(`stream ${i}`));
      writer.finish();
    }
    await during(pair, all.promise);
    expect([...got.entries()].every(([id, text]) => text === `stream ${(Number(id) - 2) / 4}`)).toBe(true);
    expect(pair.client.stats()).toMatchObject({ openedStreams: 1000, readyStreams: 0 });
    expect(pair.server.stats()).toMatchObject({ acceptedStreams: 1000 });
  });

  test("reset and stop carry their codes, up to 2^62 - 1", async () => {
    const pair = linked({ version });
    const told = new Inbox<string>();
    const streams = new Inbox<IncomingStream>();
    pair.server.handler = {
      stream: (stream) => {
        streams.put(stream);
        return { ...idle, reset: (code) => told.put(`reset ${code}`) };
      },
    };
    const writer = ByteWriter.open(pair.client);
    writer.write(Uint8Array.of(1));
    await during(pair, streams.next());
    writer.reset(2n ** 62n - 1n);
    expect(await during(pair, told.next())).toBe(`reset ${2n ** 62n - 1n}`);

    const second = ByteWriter.open(pair.client);
    second.write(Uint8Array.of(1));
    (await during(pair, streams.next())).stop(77);
    await expect(during(pair, second.acknowledged())).rejects.toThrow("code 77");
  });

  test("a close tells code and reason, each side once, after its streams", async () => {
    const pair = linked({ version });
    const order: string[] = [];
    pair.server.handler = {
      stream: () => ({ ...idle, closed: () => order.push("sink") }),
      closed: (info) => order.push(`closed by ${info.by}`),
    };
    const writer = ByteWriter.open(pair.client);
    writer.write(Uint8Array.of(1));
    await pair.clock.advance(10);
    pair.client.close({ code: 5n, reason: "done, with ümlaut" });
    pair.client.close({ code: 6 });
    const [client, server] = await during(pair, Promise.all([pair.client.closed, pair.server.closed]));
    expect(client).toMatchObject({ by: "local", code: 5n });
    expect(server).toMatchObject({ by: "peer-application", code: 5n, reason: "done, with ümlaut" });
    expect(server.error?.code).toBe("peer-closed");
    expect(order).toEqual(["sink", "closed by peer-application"]);
    expect(() => ByteWriter.open(pair.client)).toThrow("closed already");
    await pair.clock.advance(60_000);
    expect(pair.clock.pending).toBe(0);
  });

  test("a peer that fell silent is gone after 30 s", async () => {
    const pair = linked({ version });
    const end = endOf(pair.client);
    await pair.clock.advance(60_000);
    expect(end.info).toBeUndefined();
    pair.down.dead = true;
    await pair.clock.advance(29_000);
    expect(end.info).toBeUndefined();
    await pair.clock.advance(6_000);
    expect(end.info).toMatchObject({ by: "idle", error: { code: "idle-timeout" } });
  });

  test("streams that come before there is a handler wait for it", async () => {
    const pair = linked({ version });
    const writer = ByteWriter.open(pair.client);
    writer.write(pattern(1000));
    writer.finish();
    await pair.clock.advance(10);
    const reader = new ByteReader();
    pair.server.handler = { stream: () => reader };
    expect(Buffer.compare(await during(pair, reader.bytes()), pattern(1000))).toBe(0);
  });

  test("what a handler throws ends its connection, and says so", async () => {
    const pair = linked({ version });
    pair.server.handler = {
      stream: () => {
        throw new Error("no such luck");
      },
    };
    ByteWriter.open(pair.client).write(Uint8Array.of(1));
    const info = await during(pair, pair.server.closed);
    expect(info).toMatchObject({ by: "local", error: { code: "handler-failed" } });
    expect(pair.faults).toHaveLength(1);
    expect(await during(pair, pair.client.closed)).toMatchObject({ by: "peer-application", reason: "internal error" });
  });

  test("a stream that is reset before it sent costs nothing", async () => {
    const pair = linked({ version });
    await pair.clock.advance(1);
    const before = pair.up.messages.length;
    const writer = ByteWriter.open(pair.client);
    writer.write(Uint8Array.of(1));
    writer.reset(1);
    await pair.clock.advance(10);
    expect(pair.up.messages.length).toBe(before);
    expect(pair.client.stats().openedStreams).toBe(0);
  });
});

describe("what leaves", () => {
  test("the lowest sort key goes first, equals take turns, and a new one overtakes what was not handed over", async () => {
    const pair = linked({ rate: 1000, delayMs: 10 });
    const arrived: string[] = [];
    pair.server.handler = {
      stream: () => ({ ...idle, data: (bytes, start) => arrived.push(String.fromCharCode(bytes[start] as number)) }),
    };
    const open = (letter: string, key: SortKey): ByteWriter => {
      const writer = new ByteWriter({ limitBytes: 1_000_000 });
      pair.client.openUnidirectional(writer, key);
      writer.write(new Uint8Array(400_000).fill(letter.charCodeAt(0)));
      writer.finish();
      return writer;
    };
    open("b", [2, 0, 0, 0]);
    open("c", [2, 0, 0, 0]);
    await pair.clock.advance(500);
    expect(arrived.length).toBeGreaterThan(10);
    const before = arrived.length;
    open("a", [1, 0, 0, 0]);
    await pair.clock.advance(30_000);
    const after = arrived.slice(before).join("");
    expect(after.indexOf("a")).toBeLessThan(5); // what was handed over before: the window, and no more
    expect(after).toMatch(/^[bc]*a+(bc|cb)/);
    expect(arrived.slice(0, before).join("")).toMatch(/^(bc)+b?$/);
  });

  test("no more is handed over than the path carries in its delay", async () => {
    const rate = 1250; // 10 Mbit/s
    const pair = linked({ rate, delayMs: 25, settings: { streamCreditBytes: 4_000_000 } });
    let received = 0;
    pair.server.handler = { stream: () => ({ ...idle, data: (_, start, end) => (received += end - start) }) };
    const writer = new ByteWriter({ limitBytes: 100_000_000 });
    pair.client.openUnidirectional(writer);
    writer.write(new Uint8Array(50_000_000));
    await pair.clock.advance(2000);
    pair.up.mostBuffered = 0;
    const before = received;
    await pair.clock.advance(8000);
    expect((received - before) / (8000 * rate)).toBeGreaterThan(0.95); // and the path is full all the same
    // 50 ms of round trip fit on the path; what is above them waits in the buffer.
    expect(pair.up.mostBuffered).toBeLessThan(rate * 90);
    pair.up.rate = rate / 10;
    await pair.clock.advance(20_000);
    pair.up.mostBuffered = 0;
    await pair.clock.advance(5000);
    expect(pair.up.mostBuffered).toBeLessThan(33_000 + 16_384);
  });

  test("without pings of the platform the drafts' own measure the path", async () => {
    const pair = linked({ rate: 1250, delayMs: 25, pings: false });
    pair.server.handler = { stream: () => idle };
    const writer = new ByteWriter({ limitBytes: 10_000_000 });
    pair.client.openUnidirectional(writer);
    writer.write(new Uint8Array(5_000_000));
    await pair.clock.advance(3000);
    expect(pair.client.stats().rttMicros).toBeGreaterThan(50_000);
    expect(pair.client.stats().rttMicros).toBeLessThan(150_000);
    expect(framesOf(pair.up.messages.slice(0, 50)).some(({ kind }) => kind === "ping")).toBe(true);
  });

  test("where nothing measures the path, little is left to the platform's buffer", async () => {
    const pair = linked({ version: "qmux-00", rate: 1250, delayMs: 25, pings: false });
    let received = 0;
    pair.server.handler = { stream: () => ({ ...idle, data: (_, start, end) => (received += end - start) }) };
    const writer = new ByteWriter({ limitBytes: 10_000_000 });
    pair.client.openUnidirectional(writer);
    writer.write(new Uint8Array(2_000_000));
    await pair.clock.advance(5000);
    expect(received).toBe(2_000_000);
    expect(pair.up.mostBuffered).toBeLessThan(65_536 + 16_384);
  });

  test("one message has one frame where peers read only one", async () => {
    const pair = linked({ version: "qmux-00" });
    pair.server.handler = echo();
    for (let i = 0; i < 10; i++) exchange(pair.client).writer.write(pattern(100));
    await pair.clock.advance(100);
    for (const message of pair.up.messages) expect(framesOf([message], "qmux-00")).toHaveLength(1);
    const records = linked({ version: "qmux-01" });
    records.server.handler = echo();
    for (let i = 0; i < 10; i++) exchange(records.client).writer.write(pattern(100));
    await records.clock.advance(100);
    expect(records.up.messages.length).toBeLessThan(5);
  });

  test("a source is not asked for more than the peer takes", async () => {
    const pair = linked({ settings: { streamCreditBytes: 5000, connectionReceiveWindow: 12_000 } });
    const held: IncomingStream[] = [];
    pair.server.handler = {
      stream: (stream) => {
        stream.autoCredit = false;
        held.push(stream);
        return idle;
      },
    };
    const writers = [0, 1, 2].map(() => {
      const writer = ByteWriter.open(pair.client);
      writer.write(pattern(20_000));
      return writer;
    });
    await pair.clock.advance(100);
    expect(writers.map(({ queuedBytes }) => queuedBytes)).toEqual([15_000, 15_000, 15_000]);
    expect(pair.client.stats().readyStreams).toBe(0);
    held[1]?.credit(2000); // less than half of the window: kept back
    await pair.clock.advance(100);
    expect(writers[1]?.queuedBytes).toBe(15_000);
    held[1]?.credit(2000);
    await pair.clock.advance(100);
    expect(writers.map(({ queuedBytes }) => queuedBytes)).toEqual([15_000, 11_000, 15_000]);
    expect(framesOf(pair.up.messages).filter(({ kind }) => kind === "blocked").length).toBeGreaterThanOrEqual(4);
  });

  test("streams wait for the peer's leave, and then go on in order", async () => {
    const pair = linked({ settings: { maxUniStreams: 2 } });
    const held: ReceiveSink[] = [];
    const seen: IncomingStream[] = [];
    pair.server.handler = {
      stream: (stream) => {
        seen.push(stream);
        held.push(idle);
        return idle;
      },
    };
    const writers = [0, 1, 2, 3].map((i) => {
      const writer = new ByteWriter();
      pair.client.openUnidirectional(writer, [10 - i, 0, 0, 0]);
      writer.write(Uint8Array.of(i));
      return writer;
    });
    await pair.clock.advance(10);
    expect(seen).toHaveLength(2);
    expect(writers.map(({ queuedBytes }) => queuedBytes)).toEqual([1, 1, 0, 0]);
    for (const writer of writers) writer.finish();
    await pair.clock.advance(10);
    expect(seen).toHaveLength(4);
  });
});

describe("datagrams", () => {
  test("they arrive whole, before streams, up to the size that was told", async () => {
    const pair = linked();
    const got: number[] = [];
    pair.server.handler = { datagram: (_, start, end) => got.push(end - start) };
    expect(pair.client.sendDatagram(pattern(10))).toBe(false); // the peer's parameters are not there
    await during(pair, pair.client.ready);
    const size = pair.client.maxDatagramSize;
    expect(size).toBe(16_379);
    expect(pair.client.sendDatagram(pattern(size + 1))).toBe(false);
    for (const length of [0, 1, 63, 64, size]) expect(pair.client.sendDatagram(pattern(length))).toBe(true);
    await pair.clock.advance(10);
    expect(got).toEqual([0, 1, 63, 64, size]);
    expect(pair.server.stats().receivedDatagrams).toBe(5);
  });

  test.each(["qmux-00", "webtransport"] as const)("%s has none", async (version) => {
    const pair = linked({ version });
    await pair.clock.advance(10);
    expect(pair.client.maxDatagramSize).toBe(0);
    expect(pair.client.sendDatagram(pattern(10))).toBe(false);
  });

  test("room is told when fewer wait, and at the end", async () => {
    const pair = linked({ rate: 10, delayMs: 5 });
    await pair.clock.advance(100);
    let told = 0;
    const { client } = pair;
    for (let i = 0; i < 200; i++) client.sendDatagram(pattern(1000));
    expect(client.queuedDatagrams).toBe(200);
    void client.datagramRoom(100).then(() => told++);
    void client.datagramRoom(201).then(() => told++);
    await Promise.resolve();
    expect(told).toBe(1);
    await pair.clock.advance(60_000);
    expect(told).toBe(2);
    for (let i = 0; i < 200; i++) client.sendDatagram(pattern(1000));
    void client.datagramRoom(1).then(() => told++);
    client.close();
    await pair.clock.advance(1);
    expect(told).toBe(3);
  });

  test("a full queue drops the oldest, a deadline what comes too late", async () => {
    const pair = linked({ rate: 1, delayMs: 10 });
    const dropped: [number, string][] = [];
    let got = 0;
    pair.client.handler = { datagramsDropped: (count, why) => dropped.push([count, why]) };
    pair.server.handler = { datagram: () => got++ };
    await during(pair, pair.client.ready);
    const blocker = new ByteWriter({ limitBytes: 1_000_000 });
    pair.client.openUnidirectional(blocker, [0, 0, 0, 0]);
    blocker.write(new Uint8Array(200_000));
    await pair.clock.advance(1000);
    for (let i = 0; i < 10; i++) pair.client.sendDatagram(pattern(1000), { deadlineMs: 5 });
    await pair.clock.advance(300_000);
    expect(dropped).toEqual([[10, "deadline"]]);
    for (let i = 0; i < 300; i++) pair.client.sendDatagram(pattern(10));
    await pair.clock.advance(100_000);
    expect(got).toBe(256);
    expect(dropped.slice(1).reduce((sum, [count]) => sum + count, 0)).toBe(44);
  });
});

describe("a peer that breaks the rules", () => {
  const flood = `0a 02 ${"00".repeat(10)}`; // STREAM 2 of the client, 10 bytes
  test.each<[string, Uint8Array[], string]>([
    ["sends something before its parameters", [hex("10 05")], "PROTOCOL_VIOLATION"],
    ["sends its parameters twice", [opening(), opening()], "PROTOCOL_VIOLATION"],
    ["sends forbidden parameters", [hex("ff5153300d0a0d0a 02 0000")], "TRANSPORT_PARAMETER_ERROR"],
    ["leaves bytes of a stream out", [opening("0e 02 00 01 68 0e 02 02 01 68")], "PROTOCOL_VIOLATION"],
    ["repeats bytes of a stream", [opening("0e 02 00 02 6868 0e 02 01 01 68")], "PROTOCOL_VIOLATION"],
    ["sends on our one-way stream", [opening("0a 03 00")], "STREAM_STATE_ERROR"],
    ["sends on our stream before it is there", [opening("0a 01 00")], "STREAM_STATE_ERROR"],
    ["stops its own one-way stream", [opening("05 02 00")], "STREAM_STATE_ERROR"],
    ["stops ours before it is there", [opening("05 03 00")], "STREAM_STATE_ERROR"],
    ["gives credit on what it sends itself", [opening("11 02 44 00")], "STREAM_STATE_ERROR"],
    ["opens stream 129 of 128", [opening("0a 4202 00")], "STREAM_LIMIT_ERROR"],
    ["opens stream 2^50", [opening("0a c004000000000002 00")], "STREAM_LIMIT_ERROR"],
    ["resets with a size beyond the limit", [opening("04 02 00 80040001")], "FLOW_CONTROL_ERROR"],
    ["sends RESET_STREAM_AT uninvited", [opening(`${flood} 24 02 00 0a 05`)], "PROTOCOL_VIOLATION"],
    ["pings out of order", [opening("f48c67529ef8c7bd 05 f48c67529ef8c7bd 05")], "PROTOCOL_VIOLATION"],
    ["answers what was not asked", [opening("f48c67529ef8c7be 40ff")], "PROTOCOL_VIOLATION"],
    ["sends a message that is too large", [opening(), new Uint8Array(16_383)], "FRAME_ENCODING_ERROR"],
    ["cuts a frame", [opening("0a 02 05 68")], "FRAME_ENCODING_ERROR"],
  ])("who %s is told why", async (_, messages, expected) => {
    const { server, sent, end, clock } = bare();
    server.handler = { stream: () => idle };
    for (const message of messages) server.received(message);
    await clock.advance(1);
    expect(end.info).toMatchObject({ by: "transport", error: { code: "protocol-violation" } });
    expect(end.info?.error?.message).toContain(expected);
    const close = framesOf(sent.messages).at(-1);
    expect(close).toMatchObject({ kind: "close", application: false, code: end.info?.code });
    expect(sent.closed).toBe(true);
  });

  test("the limits themselves are not broken", async () => {
    const { server, sent, end, clock } = bare();
    const ids: bigint[] = [];
    server.handler = {
      stream: (stream) => {
        ids.push(stream.id);
        return idle;
      },
    };
    server.received(opening("0a 41fe 00")); // stream 128 of 128
    server.received(new Uint8Array(16_382));
    server.received(new Uint8Array(0));
    server.received(hex("04 4202 00 00").subarray(0, 0));
    server.received(hex("0a 02 00  04 41fe 00 80040000"));
    await clock.advance(1);
    expect(end.info).toBeUndefined();
    expect(ids).toEqual([510n, 2n]);
    expect(framesOf(sent.messages).some(({ kind }) => kind === "close")).toBe(false);
  });

  test("a text message is a violation", async () => {
    const { server, end, clock } = bare();
    server.receivedText();
    await clock.advance(1);
    expect(end.info?.error?.message).toContain("text message");
  });

  test("one that overruns a stream's credit, or the connection's, is closed", async () => {
    for (const settings of [{ streamCreditBytes: 10_000 }, { connectionReceiveWindow: 10_000 }]) {
      const pair = linked({ settings });
      pair.up.dead = true;
      const end = endOf(pair.server);
      pair.server.handler = {
        stream: (stream) => {
          stream.autoCredit = false;
          return idle;
        },
      };
      const bytes = "00".repeat(10_000);
      pair.server.received(opening(`0e 02 00 6710 ${bytes}`)); // 10 000 bytes
      expect(end.info).toBeUndefined();
      pair.server.received(hex(`0e 02 6710 4002 0000`));
      await pair.clock.advance(1);
      if ("streamCreditBytes" in settings) expect(end.info?.error?.message).toContain("FLOW_CONTROL_ERROR");
      else expect(end.info).toBeUndefined(); // what was delivered may come again
    }
  });

  test("a stream that is over never comes back", async () => {
    const { server, end, clock } = bare();
    let streams = 0;
    server.handler = {
      stream: () => {
        streams++;
        return idle;
      },
    };
    server.received(opening("0b 02 01 68  0e 02 01 01 68  04 02 00 05  0e 06 00 01 68"));
    await clock.advance(1);
    expect(end.info).toBeUndefined();
    expect(streams).toBe(2);
  });

  test("one that ignores what it is told cannot make us keep answers without end", async () => {
    const { server, end, clock, sent } = bare("qmux-01");
    server.handler = { stream: () => idle };
    server.received(opening());
    for (let i = 0; i < 20_000 && end.info === undefined; i++) {
      server.received(hex("f48c67529ef8c7bd 05".repeat(50)));
      if (i % 100 === 0) await clock.advance(0);
    }
    await clock.advance(1);
    expect(end.info?.error?.message).toContain("answers wait");
    expect(sent.messages.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(1_000_000);
  });

  test("on the older wire, unread bytes hold TCP back", async () => {
    const pair = linked({ version: "webtransport", settings: { connectionReceiveWindow: 100_000 } });
    let stream: IncomingStream | undefined;
    pair.server.handler = {
      stream: (incoming) => {
        stream = incoming;
        incoming.autoCredit = false;
        return idle;
      },
    };
    const writer = new ByteWriter({ limitBytes: 1_000_000 });
    pair.client.openUnidirectional(writer);
    writer.write(new Uint8Array(150_000));
    await pair.clock.advance(10);
    expect(pair.down.paused).toBe(true);
    stream?.credit(60_000);
    expect(pair.down.paused).toBe(true);
    stream?.credit(45_000);
    expect(pair.down.paused).toBe(false);
  });

  test("on the older wire, a peer that is held back is not taken for one that is gone", async () => {
    const pair = linked({ version: "webtransport", settings: { connectionReceiveWindow: 20_000 } });
    const end = endOf(pair.server);
    let stream: IncomingStream | undefined;
    pair.server.handler = {
      stream: (incoming) => {
        stream = incoming;
        incoming.autoCredit = false;
        return idle;
      },
    };
    ByteWriter.open(pair.client).write(pattern(50_000));
    await pair.clock.advance(1000);
    expect(pair.down.paused).toBe(true);
    pair.up.dead = true; // what is not read brings no answers
    await pair.clock.advance(120_000);
    expect(end.info).toBeUndefined();
    stream?.credit(50_000);
    expect(pair.down.paused).toBe(false);
    await pair.clock.advance(40_000);
    expect(end.info).toMatchObject({ by: "idle" });
  });
});

describe("final sizes", () => {
  test("a reset that names fewer bytes than came is taken, as released peers send it", async () => {
    const { server, end, clock } = bare();
    const codes: bigint[] = [];
    server.handler = { stream: () => ({ ...idle, reset: (code) => codes.push(code) }) };
    server.received(opening("0a 02 02 6868 04 02 07 00"));
    await clock.advance(1);
    expect(end.info).toBeUndefined();
    expect(codes).toEqual([7n]);
  });
});

describe("whatever a peer sends", () => {
  function play(connection: QmuxConnection, random: () => number, messages: readonly Uint8Array[]): void {
    for (const message of messages) {
      const changed = message.slice();
      for (let i = 0; i < 3; i++) {
        if (random() < 0.5) changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
      }
      connection.received(changed.subarray(0, random() < 0.2 ? Math.floor(random() * changed.length) : undefined));
    }
  }

  test("mutated conversations end in a coded close, or go on; nothing throws", async () => {
    const conversation = linked();
    conversation.server.handler = echo();
    for (let i = 0; i < 5; i++) {
      const { writer } = exchange(conversation.client);
      writer.write(pattern(200 * i + 1));
      if (i % 2 === 0) writer.finish();
    }
    await conversation.clock.advance(100);
    conversation.client.sendDatagram(pattern(20));
    const reset = ByteWriter.open(conversation.client);
    reset.write(pattern(5));
    await conversation.clock.advance(10);
    reset.reset(9);
    await conversation.clock.advance(10);
    const messages = conversation.up.messages;
    expect(messages.length).toBeGreaterThan(3);
    const seeds = Array.from({ length: 500 }, (_, i) => i + 1);
    let violations = 0;
    for (const seed of seeds) {
      let state = seed;
      const random = () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state / 2 ** 32;
      };
      const { server, end, clock, faults } = bare();
      server.handler = echo();
      play(server, random, messages);
      await clock.advance(0);
      expect(faults, `seed ${seed}`).toEqual([]);
      if (end.info?.by === "transport") violations++;
      expect(end.info?.code, `seed ${seed}: ${end.info?.reason}`).not.toBe(1n);
    }
    expect(violations).toBeGreaterThan(100);
  });

  test("a message that has our own bytes in hex is what the draft says", async () => {
    const pair = linked();
    await pair.clock.advance(1);
    expect(toHex(pair.up.messages[0] as Uint8Array).slice(0, 16)).toBe("ff5153300d0a0d0a");
  });
});
