/** Ways to bring bytes from one process to another: each sets up what it needs, and resolves when all have come, equal. */
import type { Connection, ReceiveSink, SendSource, TransportSettings } from "@moqingbird/transport";
import type { Process } from "./process.ts";

/** What carries, from a client to a server. Resolves to the client's connection. */
export type Carriage = (
  sending: Process,
  receiving: Process,
  bytes: Uint8Array,
  transport: TransportSettings,
) => Promise<Connection>;

const alpn = ["transfer"];
/** Of the handshake at both ends: where one packet in three is lost it may take a while. */
const timeoutMs = 30_000;
/** What a program gives to a writer at a time. */
const chunkBytes = 64 << 10;

/** A stream of a QUIC connection. */
export const overQuic: Carriage = async (sending, receiving, bytes, transport) => {
  const sink = new ComparingSink(bytes);
  await receiving.listen({
    alpn,
    transport: { ...transport, handshakeTimeoutMs: timeoutMs },
    onConnection: (connection) => {
      connection.handler = { stream: () => sink };
    },
  });
  const connection = await sending.connect(receiving, { alpn, transport, timeoutMs });
  connection.openUnidirectional(new BytesSource(bytes)).activate();
  await sink.done;
  return connection;
};

/** A stream of a WebTransport session over HTTP/3, written and read as in a browser. */
export const overWebTransport: Carriage = async (sending, receiving, bytes, transport) => {
  const { promise: incoming, resolve: arrived } = Promise.withResolvers<ReadableStream<Uint8Array>>();
  await receiving.listen({
    transport: { ...transport, handshakeTimeoutMs: timeoutMs },
    webTransport: {
      onRequest: async (request) => {
        const { value } = await request.accept().incomingUnidirectionalStreams.getReader().read();
        if (value !== undefined) arrived(value);
      },
    },
  });
  const session = await sending.webTransport(receiving, { transport, timeoutMs });
  const comparison = new Comparison(bytes);
  const write = async () => {
    const writer = (await session.createUnidirectionalStream()).getWriter();
    for (let at = 0; at < bytes.length; at += chunkBytes) await writer.write(bytes.subarray(at, at + chunkBytes));
    await writer.close();
  };
  const read = async () => {
    for await (const chunk of await incoming) comparison.take(chunk);
    comparison.finish();
  };
  // The last acknowledgement comes after the last byte, and is not waited for.
  const written = write();
  written.catch(() => {});
  await Promise.race([read(), written.then(() => new Promise<never>(() => {}))]);
  return session.connection as Connection;
};

/** What arrived is not what was sent. */
export class UnequalBytes extends Error {}

/** A source of given bytes. */
class BytesSource implements SendSource {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get pending(): boolean {
    return this.#at < this.#bytes.length;
  }

  get finished(): boolean {
    return !this.pending;
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, this.#bytes.length - this.#at);
    target.set(this.#bytes.subarray(this.#at, this.#at + count), offset);
    this.#at += count;
    return count;
  }
}

/** What comes, beside what was sent. */
class Comparison {
  readonly #expected: Uint8Array;
  #at = 0;

  constructor(expected: Uint8Array) {
    this.#expected = expected;
  }

  /** Throws when the bytes are others. */
  take(bytes: Uint8Array): void {
    const expected = this.#expected.subarray(this.#at, this.#at + bytes.length);
    if (Buffer.compare(bytes, expected) !== 0) {
      throw new UnequalBytes(`The bytes at ${this.#at} are not those that were sent.`);
    }
    this.#at += bytes.length;
  }

  /** Throws when some are missing. */
  finish(): void {
    if (this.#at !== this.#expected.length) {
      throw new UnequalBytes(`${this.#at} bytes arrived, not ${this.#expected.length}.`);
    }
  }
}

/** A sink that compares. */
class ComparingSink implements ReceiveSink {
  readonly done: Promise<void>;
  readonly #comparison: Comparison;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;

  constructor(expected: Uint8Array) {
    this.#comparison = new Comparison(expected);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#attempt(() => this.#comparison.take(bytes.subarray(start, end)));
  }

  finished(): void {
    this.#attempt(() => {
      this.#comparison.finish();
      this.#resolve();
    });
  }

  reset(code: bigint): void {
    this.#reject(new Error(`The stream was reset with code ${code}.`));
  }

  closed(): void {
    this.#reject(new Error("The connection ended first."));
  }

  #attempt(compare: () => void): void {
    try {
      compare();
    } catch (error) {
      this.#reject(error);
    }
  }
}
