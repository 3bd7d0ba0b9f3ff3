/** A client that sends what a test tells it to, as fast as the relay lets it, and counts what it hears. */
import { setTimeout as sleep } from "node:timers/promises";
import { ControlDecoder, type ControlMessage, draft14, type Subscribe, Writer } from "@moqingbird/codec";
import {
  type BidirectionalStream,
  type CloseInfo,
  type Connection,
  connect,
  type ReceiveSink,
  type SendSource,
  type SendStream,
  type TransportSettings,
} from "@moqingbird/transport";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bytes that wait to be sent. */
export class Outgoing implements SendSource {
  waitingBytes = 0;
  over = false;
  stream: SendStream | undefined;
  onClosed: (() => void) | undefined;
  readonly #parts: Uint8Array[] = [];
  #ended = false;
  get pending(): boolean {
    return this.waitingBytes > 0;
  }
  get finished(): boolean {
    return this.#ended && !this.pending;
  }
  write(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      if (part.length > 0) this.#parts.push(part);
      this.waitingBytes += part.length;
    }
    this.stream?.activate();
  }
  finish(): void {
    this.#ended = true;
    this.stream?.activate();
  }
  pull(target: Uint8Array, offset: number, max: number): number {
    const part = this.#parts[0] as Uint8Array;
    const count = Math.min(max, part.length);
    target.set(part.subarray(0, count), offset);
    if (count === part.length) this.#parts.shift();
    else this.#parts[0] = part.subarray(count);
    this.waitingBytes -= count;
    return count;
  }
  closed(): void {
    this.over = true;
    this.onClosed?.();
  }
}

export interface RawOptions {
  readonly transport?: TransportSettings;
  /** False: nothing of the control stream is read after the first credit. */
  readonly reads?: boolean;
}

export class RawClient {
  readonly connection: Connection;
  readonly control = new Outgoing();
  readonly heard = new Map<string, number>();
  end: CloseInfo | undefined;
  openStreams = 0;
  onSubscribe: ((message: Subscribe) => void) | undefined;
  #nextId = 0;
  #maxId = 0;

  private constructor(connection: Connection, options: RawOptions) {
    this.connection = connection;
    void connection.closed.then((end) => {
      this.end = end;
    });
    const ignored: ReceiveSink = { data: () => {}, finished: () => {}, reset: () => {} };
    connection.handler = { stream: () => ignored };
    const decoder = new ControlDecoder(draft14);
    const stream: BidirectionalStream = connection.openBidirectional(
      this.control,
      { ...ignored, data: (bytes, start, end) => decoder.push(bytes, start, end, (message) => this.#hear(message)) },
      [0, 0, 0, 0],
    );
    stream.autoCredit = options.reads ?? true;
    this.control.stream = stream;
  }

  static async open(port: number, options: RawOptions = {}): Promise<RawClient> {
    const connection = await connect({
      host: "127.0.0.1",
      port,
      alpn: ["moq-00"],
      trust: "none",
      ...(options.transport && { transport: options.transport }),
    });
    const client = new RawClient(connection, options);
    client.say({ type: "clientSetup", versions: [0xff00000e], parameters: { maxRequestId: 1_000_000 } });
    await client.hears("serverSetup");
    return client;
  }

  /** A publisher of one track that accepts whoever asks, with the request id as alias; and a subscriber of it. */
  static async track(port: number, name: string, subscriber: RawOptions = {}, subscribers = 1) {
    const publisher = await RawClient.open(port);
    const asked = new Promise<number>((resolve) => {
      publisher.onSubscribe = ({ requestId }) => resolve(requestId);
    });
    publisher.announce([utf8(name)]);
    await publisher.hears("publishNamespaceOk");
    const all: RawClient[] = [];
    for (let i = 0; i < subscribers; i++) {
      const client = await RawClient.open(port, subscriber);
      client.subscribe([utf8(name)], utf8("track"));
      all.push(client);
    }
    const alias = await asked;
    publisher.say({
      type: "subscribeOk",
      requestId: alias,
      trackAlias: alias,
      expiresMs: 0,
      groupOrder: "ascending",
      parameters: {},
    });
    return { publisher, alias, subscribers: all };
  }

  /** The relay has granted another request. */
  get mayAsk(): boolean {
    return this.#nextId < this.#maxId;
  }

  count(type: ControlMessage["type"]): number {
    return this.heard.get(type) ?? 0;
  }

  /** Waits until a message of the type came, or the connection ended. */
  async hears(type: ControlMessage["type"]): Promise<void> {
    while (this.count(type) === 0 && this.end === undefined) await sleep(5);
  }

  say(message: ControlMessage): void {
    const writer = new Writer();
    draft14.encodeControl(writer, message);
    this.control.write(writer.toBytes());
  }

  announce(namespace: Uint8Array[]): void {
    this.say({ type: "publishNamespace", requestId: this.#id(), namespace, parameters: {} });
  }

  subscribe(namespace: Uint8Array[], trackName: Uint8Array): number {
    const requestId = this.#id();
    this.say({
      type: "subscribe",
      requestId,
      namespace,
      trackName,
      subscriberPriority: 128,
      groupOrder: "publisher",
      forward: true,
      filter: { type: "largestObject" },
      parameters: {},
    });
    return requestId;
  }

  /** Opens a data stream with these bytes. */
  stream(parts: readonly Uint8Array[], finish = true): Outgoing {
    const source = new Outgoing();
    this.openStreams++;
    source.onClosed = () => this.openStreams--;
    source.write(...parts);
    if (finish) source.finish();
    source.stream = this.connection.openUnidirectional(source, [1, 0, 0, 0]);
    source.stream.activate();
    return source;
  }

  close(): void {
    this.connection.close();
  }

  #id(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  #hear(message: ControlMessage): void {
    this.heard.set(message.type, this.count(message.type) + 1);
    if (message.type === "serverSetup") this.#maxId = Number(message.parameters.maxRequestId);
    else if (message.type === "maxRequestId") this.#maxId = message.requestId;
    else if (message.type === "subscribe") this.onSubscribe?.(message);
  }
}

export function subgroupHeader(trackAlias: number, group: number, hasExtensions = false): Uint8Array {
  const target = new Uint8Array(draft14.maxSubgroupHeaderBytes);
  const header = { trackAlias, group, subgroup: 0, publisherPriority: 128, hasExtensions, endOfGroup: false };
  return target.slice(0, draft14.encodeSubgroupHeader(target, 0, target.length, header));
}

export function objectHeader(id: number, sizeBytes: number, extensions?: Uint8Array): Uint8Array {
  const object = { id, sizeBytes, status: 0, extensions: extensions ?? new Uint8Array(0) } as const;
  const has = extensions !== undefined;
  const target = new Uint8Array(draft14.objectHeaderSize(id - 1, has, object));
  draft14.encodeObjectHeader(target, 0, target.length, id - 1, has, object);
  return target;
}

/** A namespace of 32 fields with 127 bytes each, almost as large as the draft allows. */
export function largestNamespace(number: number): Uint8Array[] {
  return Array.from({ length: 32 }, (_, field) => {
    const bytes = new Uint8Array(127).fill(97 + (field % 26));
    new DataView(bytes.buffer).setUint32(0, number);
    return bytes;
  });
}
