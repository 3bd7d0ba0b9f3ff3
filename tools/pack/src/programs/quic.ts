/**
 * Both ends of a QUIC conversation with the published transport, run on each runtime: `serve` echoes, `dial PORT SHA256`
 * goes through what a program needs of a transport and prints a line for each step. Ends by itself, as a program must whose
 * connections and listeners are closed.
 */
import { createHash } from "node:crypto";
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type ConnectionHandler,
  connect,
  executor,
  generateCertificate,
  type IncomingStream,
  listen,
  parseFingerprint,
  type ReceiveSink,
  type SendSource,
  TransportError,
} from "@moqingbird/transport";

const alpn = "everywhere";
const streams = 300;
const bulkBytes = 8_000_000;
const datagrams = 50;
const largestCode = 2n ** 62n - 1n;
const stepMs = 20_000;

/** Nothing is sent: a stream that only receives, or one that its receiver stops. */
const endless: SendSource = {
  pending: true,
  finished: false,
  pull: (_target, _offset, max) => max,
};

const [command, port, fingerprint] = process.argv.slice(2);
if (command === "serve") await serve();
else await dial(Number(port), parseFingerprint(fingerprint ?? ""));

async function serve(): Promise<void> {
  const certificate = await generateCertificate({ names: ["localhost"] });
  const ended = Promise.withResolvers<string>();
  const listener = await listen({
    host: "127.0.0.1",
    certificate,
    alpn: [alpn],
    onConnection: (connection) => {
      connection.handler = echo(connection);
      connection.closed.then(({ by, code, reason }) => ended.resolve(`${by} ${code} ${reason}`));
    },
  });
  print("listening", `${listener.address.port} ${Buffer.from(certificate.sha256).toString("hex")}`);
  print("closed", await ended.promise);
  await listener.close();
}

/** Streams both ways and datagrams come back; a one-way stream is reset or stopped, as its first byte says. */
function echo(connection: Connection): Partial<ConnectionHandler> {
  return {
    stream: (stream) => (stream.direction === "bidirectional" ? echoStream(stream) : stopStream(stream)),
    datagram: (bytes, start, end) => connection.sendDatagram(bytes.subarray(start, end)),
  };
}

function echoStream(stream: IncomingStream & { direction: "bidirectional" }): ReceiveSink {
  const reader = new ByteReader();
  const writer = new ByteWriter();
  stream.setSource(writer);
  copy(reader, writer).catch((error: unknown) => {
    if (error instanceof TransportError && error.code === "stream-reset") writer.reset(largestCode);
    else throw error;
  });
  return reader;
}

async function copy(reader: ByteReader, writer: ByteWriter): Promise<void> {
  for await (const chunk of reader) if (!writer.write(chunk)) await writer.drained();
  writer.finish();
}

function stopStream(stream: IncomingStream): ReceiveSink {
  stream.stop(largestCode);
  return new ByteReader();
}

async function dial(serverPort: number, sha256: Uint8Array): Promise<void> {
  const address = { host: "127.0.0.1", alpn: [alpn], trust: { sha256: [sha256] } };
  const connection = await within("connect", connect({ ...address, port: serverPort }));
  check(connection.protocol === alpn, `the protocol is ${connection.protocol}`);
  print("connected", connection.protocol);

  const echoed = await within("bulk", exchange(connection, bulk(bulkBytes)));
  check(digest(echoed) === digest(bulk(bulkBytes)), "what comes back is not what was sent");
  print("bulk", `${echoed.length} bytes`);

  const many = Array.from({ length: streams }, (_, i) => exchange(connection, bulk(100 + i)));
  const lengths = (await within("streams", Promise.all(many))).map(({ length }) => length);
  check(
    lengths.every((length, i) => length === 100 + i),
    `streams came back with ${lengths}`,
  );
  print("streams", `${lengths.length}`);

  print("datagrams", `${await within("datagrams", datagramsBack(connection))}`);
  print("reset", `${await within("reset", resetCode(connection))}`);
  print("stopped", `${await within("stopped", stopCode(connection))}`);

  const taken = { host: "127.0.0.1", port: connection.localAddress.port, alpn: [alpn] };
  const certificate = await generateCertificate({ names: ["localhost"] });
  print("port in use", await errorCode(listen({ ...taken, certificate, onConnection: () => {} })));
  const trust = { sha256: [certificate.sha256] };
  print("wrong certificate", await errorCode(connect({ ...address, port: serverPort, trust })));

  connection.close({ code: largestCode, reason: "goodbye" });
  await within("close", connection.closed);
  const gone = await listen({ host: "127.0.0.1", alpn: [alpn], certificate, onConnection: () => {} });
  await gone.close();
  print("nothing there", await errorCode(connect({ ...address, port: gone.address.port, timeoutMs: 3_000 })));
  print("dropped packets", `${executor().counters.packetsDropped}`);
}

/** Sends bytes and resolves with what comes back. */
async function exchange(connection: Connection, bytes: Uint8Array): Promise<Uint8Array> {
  const writer = new ByteWriter();
  const reader = new ByteReader();
  connection.openBidirectional(writer, reader);
  const sent = (async () => {
    for (let at = 0; at < bytes.length; at += 50_000) {
      if (!writer.write(bytes.slice(at, at + 50_000))) await writer.drained();
    }
    writer.finish();
  })();
  const [back] = await Promise.all([reader.bytes(), sent]);
  return back;
}

/** Sends one datagram after another, each when the one before is back; resolves with how many came. */
function datagramsBack(connection: Connection): Promise<number> {
  return new Promise((resolve) => {
    let count = 0;
    connection.handler = {
      datagram: (bytes, start, end) => {
        check(end - start === 1000 && bytes[start] === count, "a datagram came back changed");
        if (++count === datagrams) resolve(count);
        else connection.sendDatagram(new Uint8Array(1000).fill(count));
      },
    };
    connection.sendDatagram(new Uint8Array(1000));
  });
}

/** Resets a stream; the server answers with a reset of its own direction. */
function resetCode(connection: Connection): Promise<bigint> {
  return new Promise((resolve, reject) => {
    const writer = new ByteWriter();
    writer.write(bulk(100));
    const sink: ReceiveSink = {
      data: () => writer.reset(largestCode),
      finished: () => reject(new Error("the stream ended instead of being reset")),
      reset: resolve,
    };
    connection.openBidirectional(writer, sink);
  });
}

/** Sends on a stream that the server stops. */
function stopCode(connection: Connection): Promise<bigint> {
  return new Promise((resolve) => connection.openUnidirectional({ ...endless, stopped: resolve }));
}

async function errorCode(work: Promise<unknown>): Promise<string> {
  try {
    await within("failure", work);
    return "no error";
  } catch (error) {
    if (error instanceof TransportError) return error.code;
    throw error;
  }
}

function within<T>(what: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took more than ${stepMs} ms`)), stepMs);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

function bulk(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

function print(what: string, value: string): void {
  console.log(`${what}: ${value}`);
}
