/** A listener and a client on loopback, with what the tests need to look at. Everything opened is closed by `closeAll`. */
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type ConnectionHandler,
  type ConnectOptions,
  connect,
  generateCertificate,
  type IncomingBidirectionalStream,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  type LoadedCertificate,
  listen,
} from "@moqingbird/transport";

const open: (Listener | Connection)[] = [];
let shared: Promise<LoadedCertificate> | undefined;

/** One certificate for all tests of a file. */
export function certificate(): Promise<LoadedCertificate> {
  shared ??= generateCertificate();
  return shared;
}

/** A listener on a free loopback port. */
export async function listener(options: Partial<ListenOptions> = {}): Promise<Listener> {
  const opened = await listen({
    host: "127.0.0.1",
    certificate: await certificate(),
    alpn: ["test"],
    onConnection: () => {},
    ...options,
  });
  open.push(opened);
  return opened;
}

/** A client of that listener which pins its certificate. */
export async function client(
  to: Pick<Listener, "address">,
  options: Partial<ConnectOptions> = {},
): Promise<Connection> {
  const connection = await connect({
    host: to.address.address,
    port: to.address.port,
    alpn: ["test"],
    trust: { sha256: [(await certificate()).sha256] },
    ...options,
  });
  open.push(connection);
  return connection;
}

/** A connected pair. */
export interface Pair {
  readonly listener: Listener;
  readonly client: Connection;
  readonly server: Connection;
}

/** Listens, connects and waits for both sides. `serve` is the server's handler. */
export async function pair(
  options: {
    readonly serve?: (connection: Connection) => Partial<ConnectionHandler>;
    readonly listen?: Partial<ListenOptions>;
    readonly connect?: Partial<ConnectOptions>;
  } = {},
): Promise<Pair> {
  const accepted = Promise.withResolvers<Connection>();
  const opened = await listener({
    onConnection: (connection) => {
      if (options.serve) connection.handler = options.serve(connection);
      accepted.resolve(connection);
    },
    ...options.listen,
  });
  const connected = await client(opened, options.connect);
  return { listener: opened, client: connected, server: await accepted.promise };
}

/** A handler that sends every stream both ways back to where it came from. */
export function echo(): Partial<ConnectionHandler> {
  return {
    stream: (stream) => {
      const reader = new ByteReader();
      if (isBidirectional(stream)) {
        const writer = new ByteWriter();
        stream.setSource(writer);
        void pipe(reader, writer).catch(() => {});
      }
      return reader;
    },
  };
}

export function isBidirectional(stream: IncomingStream): stream is IncomingBidirectionalStream {
  return stream.direction === "bidirectional";
}

/** Copies a stream to another, no faster than either side goes. */
export async function pipe(reader: ByteReader, writer: ByteWriter): Promise<void> {
  for await (const chunk of reader) if (!writer.write(chunk)) await writer.drained();
  writer.finish();
}

/** Opens a stream both ways. */
export function exchange(connection: Connection): { readonly writer: ByteWriter; readonly reader: ByteReader } {
  const writer = new ByteWriter();
  const reader = new ByteReader();
  connection.openBidirectional(writer, reader);
  return { writer, reader };
}

/** A queue that is awaited: what a handler is told, in order. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #waiting: ((item: T) => void)[] = [];

  /** Items nobody has taken yet. */
  get size(): number {
    return this.#items.length;
  }

  put(item: T): void {
    const next = this.#waiting.shift();
    if (next) next(item);
    else this.#items.push(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }
}

/** Closes all that was opened. */
export async function closeAll(): Promise<void> {
  await Promise.all(
    open.splice(0).map(async (item) => {
      if ("openUnidirectional" in item) {
        item.close();
        await item.closed;
      } else await item.close();
    }),
  );
}

/** Repeatable bytes: the same seed, the same bytes. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
