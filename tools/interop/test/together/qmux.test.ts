/** @moq/qmux against our QMux, each as client and as server, in every version it speaks. */
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type ConnectWebSocketOptions,
  connectWebSocket,
  generateCertificate,
  type Listener,
  listen,
  type WebTransport,
} from "@moqingbird/transport";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadQmux, type QmuxSession, type QmuxVersion, startQmuxServer } from "../../src/qmux/moq-qmux.ts";

const versions = ["qmux-02", "qmux-01", "qmux-00", "webtransport"] as const;
type Version = (typeof versions)[number];

const qmux = await loadQmux();
let listener: Listener;
/** Sessions our server accepted, and has not handed to a test. */
const accepted: WebTransport[] = [];
let arrived = Promise.withResolvers<void>();

beforeAll(async () => {
  listener = await listen({
    host: "127.0.0.1",
    certificate: await generateCertificate(),
    webSocket: true,
    webTransport: {
      onRequest: (request) => {
        const [protocol] = request.protocols;
        accepted.push(request.accept(protocol === undefined ? {} : { protocol }));
        arrived.resolve();
      },
    },
  });
});

afterAll(() => listener?.close());

async function nextAccepted(): Promise<WebTransport> {
  while (accepted.length === 0) {
    await arrived.promise;
    arrived = Promise.withResolvers();
  }
  return accepted.shift() as WebTransport;
}

/** What a version offers there: a protocol in that draft alone, or nothing but the older wire. */
function offer(version: Version) {
  if (version === "webtransport") return { protocols: [], versions: {} };
  return { protocols: ["test"], versions: { test: version as QmuxVersion }, requireProtocol: true };
}

/** Their client and our server's session. */
async function theirClient(version: Version): Promise<{ theirs: QmuxSession; ours: WebTransport }> {
  const theirs = new qmux.default(`ws://127.0.0.1:${listener.address.port}/`, offer(version));
  await theirs.ready;
  return { theirs, ours: await nextAccepted() };
}

/** Their server and our client. */
async function ourClient(version: Version) {
  const server = await startQmuxServer(qmux, offer(version));
  const options: ConnectWebSocketOptions =
    version === "webtransport" ? { drafts: [], bare: true } : { protocols: ["test"], drafts: [version] };
  const ours = await connectWebSocket(server.url, options);
  return { server, ours, theirs: await server.next() };
}

async function all(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function next<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader();
  const { value, done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error("the stream has ended");
  return value;
}

/** Repeatable bytes. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8) * 13) & 0xff;
  return bytes;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Sends back what comes on every stream both ways of theirs. */
async function echoTheirs(session: QmuxSession): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {});
  }
}

async function echoOurs(session: WebTransport): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {});
  }
}

/** Our end of a stream both ways. */
function exchange(connection: Connection) {
  const writer = new ByteWriter();
  const reader = new ByteReader();
  connection.openBidirectional(writer, reader);
  return { writer, reader };
}

async function sendAll(writer: ByteWriter, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    if (!writer.write(bytes.subarray(at, at + 65_536))) await writer.drained();
  }
  writer.finish();
}

describe.each(versions)("their client meets our server over %s", (version) => {
  test("5 MB there and back, and 300 streams", async () => {
    const { theirs, ours } = await theirClient(version);
    expect(theirs.protocol).toBe(version === "webtransport" ? "" : "test");
    expect(ours.protocol).toBe(theirs.protocol);
    void echoOurs(ours).catch(() => {});
    const sent = pattern(5_000_000);
    const { readable, writable } = await theirs.createBidirectionalStream();
    const writer = writable.getWriter();
    const back = all(readable);
    await writer.write(sent);
    await writer.close();
    expect(same(await back, sent)).toBe(true);
    const many = Array.from({ length: 300 }, async (_, i) => {
      const stream = await theirs.createBidirectionalStream();
      const small = stream.writable.getWriter();
      await small.write(pattern(i + 1));
      await small.close();
      return same(await all(stream.readable), pattern(i + 1));
    });
    expect((await Promise.all(many)).every((one) => one)).toBe(true);
    theirs.close();
    await ours.closed;
  });

  test("streams of ours, one way, above their limit", async () => {
    const { theirs, ours } = await theirClient(version);
    const texts: string[] = [];
    const reading = (async () => {
      for await (const stream of theirs.incomingUnidirectionalStreams) {
        texts.push(new TextDecoder().decode(await all(stream)));
        if (texts.length === 250) return;
      }
    })();
    for (let i = 0; i < 250; i++) {
      const writer = (await ours.createUnidirectionalStream()).getWriter();
      void writer.write(new TextEncoder().encode(`stream ${i}`)).then(() => writer.close());
    }
    await reading;
    expect(texts.sort()).toEqual(Array.from({ length: 250 }, (_, i) => `stream ${i}`).sort());
    ours.close();
    await theirs.closed;
  });

  test("reset, stop and close carry their codes", async () => {
    const { theirs, ours } = await theirClient(version);
    const stream = await theirs.createUnidirectionalStream();
    const writer = stream.getWriter();
    await writer.write(pattern(10));
    const incoming = await next(ours.incomingUnidirectionalStreams);
    await next(incoming);
    await writer.abort(new qmux.StreamError(26)).catch(() => {});
    await expect(next(incoming)).rejects.toMatchObject({ streamErrorCode: 26 });

    const out = (await ours.createUnidirectionalStream()).getWriter();
    await out.write(pattern(10));
    const theirReader = await next(theirs.incomingUnidirectionalStreams);
    await next(theirReader);
    await theirReader.cancel(new qmux.StreamError(27));
    await expect(out.closed).rejects.toMatchObject({ streamErrorCode: 27 });

    theirs.close({ closeCode: 42, reason: "goodbye" });
    expect(await ours.closed).toEqual({ closeCode: 42, reason: "goodbye" });
    const other = await theirClient(version);
    other.ours.close({ closeCode: 43, reason: "closing time" });
    expect(await other.theirs.closed).toEqual({ closeCode: 43, reason: "closing time" });
  });
});

describe.each(versions)("our client meets their server over %s", (version) => {
  test("5 MB there and back, 300 streams, and a close", async () => {
    const { server, ours, theirs } = await ourClient(version);
    await using _server = server;
    expect(ours.protocol).toBe(version === "webtransport" ? "" : "test");
    void echoTheirs(theirs).catch(() => {});
    const sent = pattern(5_000_000);
    const large = exchange(ours);
    const [back] = await Promise.all([large.reader.bytes(), sendAll(large.writer, sent)]);
    expect(same(back, sent)).toBe(true);
    const many = Array.from({ length: 300 }, async (_, i) => {
      const { writer, reader } = exchange(ours);
      writer.write(pattern(i + 1));
      writer.finish();
      return same(await reader.bytes(), pattern(i + 1));
    });
    expect((await Promise.all(many)).every((one) => one)).toBe(true);
    ours.close({ code: 7, reason: "enough" });
    expect(await theirs.closed).toEqual({ closeCode: 7, reason: "enough" });
  });
});

describe.each(["qmux-02", "qmux-01"] as const)("datagrams over %s", (version) => {
  test("go both ways, up to the largest each side takes", async () => {
    const { theirs, ours } = await theirClient(version);
    const { connection } = ours;
    // Behind a stream of each side its parameters have come, too.
    for (const [from, to] of [[theirs, ours] as const, [ours, theirs] as const]) {
      await (await from.createUnidirectionalStream()).getWriter().write(pattern(1));
      await next<unknown>(to.incomingUnidirectionalStreams);
    }
    expect(theirs.datagrams.maxDatagramSize).toBeGreaterThan(16_000);
    expect(connection?.maxDatagramSize).toBeGreaterThan(16_000);
    const writer = theirs.datagrams.writable.getWriter();
    for (const size of [1, 1000, theirs.datagrams.maxDatagramSize]) {
      await writer.write(pattern(size));
      expect(same(await next(ours.datagrams.readable), pattern(size))).toBe(true);
    }
    for (const size of [1, 1000, connection?.maxDatagramSize ?? 0]) {
      expect(connection?.sendDatagram(pattern(size))).toBe(true);
      expect(same(await next(theirs.datagrams.readable), pattern(size))).toBe(true);
    }
    theirs.close();
    await ours.closed;
  });
});

describe("what is agreed on", () => {
  test("the newest draft of the protocol, whatever else they offer", async () => {
    const theirs = new qmux.default(`ws://127.0.0.1:${listener.address.port}/`, {
      protocols: ["a", "b"],
      versions: { a: null, b: "qmux-01" },
    });
    await theirs.ready;
    expect(theirs.protocol).toBe("a");
    theirs.close();
    await (await nextAccepted()).closed;
  });

  test("their server takes its favourite of what we offer", async () => {
    await using server = await startQmuxServer(qmux, { protocols: ["b", "a"], versions: { a: null, b: null } });
    const ours = await connectWebSocket(server.url, { protocols: ["a", "b"] });
    expect(ours.protocol).toBe("b");
    ours.close();
    await ours.closed;
  });
});
