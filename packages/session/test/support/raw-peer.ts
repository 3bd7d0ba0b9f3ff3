/** A peer that says exactly what a test tells it to, well formed or not, and writes down what it hears. */

import {
  ControlDecoder,
  type ControlMessage,
  type ControlMessageType,
  type DataStreamVisitor,
  draft14,
  type SetupParameters,
  Writer,
} from "@moqingbird/codec";
import {
  type CloseShape,
  type PairEnd,
  type PairStream,
  type SinkShape,
  type SourceShape,
  settle,
} from "@moqingbird/testing";

/** Bytes to send, as they are added. */
export class ByteSource implements SourceShape {
  readonly events: string[] = [];
  finished = false;
  stream: PairStream | undefined;
  #parts: Uint8Array[] = [];
  get pending(): boolean {
    return this.#parts.length > 0;
  }
  write(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#parts.push(bytes);
    this.stream?.activate();
  }
  finish(): void {
    this.finished = true;
    this.stream?.activate();
  }
  pull(target: Uint8Array, offset: number, max: number): number {
    const part = this.#parts[0] as Uint8Array;
    const length = Math.min(max, part.length);
    target.set(part.subarray(0, length), offset);
    if (length === part.length) this.#parts.shift();
    else this.#parts[0] = part.subarray(length);
    return length;
  }
  stopped(code: bigint): void {
    this.events.push(`stopped ${code}`);
    this.stream?.reset(code);
  }
  acked(): void {
    this.events.push("acked");
  }
}

/** A data stream that arrived, decoded. */
export interface RawStream {
  readonly handle: PairStream;
  readonly events: string[];
}

export class RawPeer {
  readonly end: PairEnd;
  readonly received: ControlMessage[] = [];
  readonly streams: RawStream[] = [];
  readonly datagrams: Uint8Array[] = [];
  closed: CloseShape | undefined;
  readonly control = new ByteSource();
  #decoder = new ControlDecoder(draft14);

  constructor(end: PairEnd) {
    this.end = end;
    end.handler = {
      stream: (stream, direction) => {
        if (direction === "bidirectional") {
          stream.setSource(this.control, [0, 0, 0, 0]);
          this.control.stream = stream;
          return this.#controlSink();
        }
        return this.#dataSink(stream);
      },
      datagram: (bytes, start, end) => this.datagrams.push(bytes.slice(start, end)),
      closed: (info) => {
        this.closed = info;
      },
    };
  }

  /** As a client: opens the control stream and speaks SETUP. */
  async connect(parameters: SetupParameters = { maxRequestId: 1000 }): Promise<this> {
    this.open();
    this.send({ type: "clientSetup", versions: [0xff00000e], parameters });
    await settle();
    return this;
  }

  /** As a server: answers SETUP when it comes. */
  async accept(parameters: SetupParameters = { maxRequestId: 1000 }): Promise<this> {
    await settle();
    this.send({ type: "serverSetup", version: 0xff00000e, parameters });
    await settle();
    return this;
  }

  open(): void {
    this.control.stream = this.end.openBidirectional(this.control, this.#controlSink(), [0, 0, 0, 0]);
  }

  send(message: ControlMessage): void {
    this.control.write(encode(message));
  }

  /** Sends, and lets everything happen that follows from it. */
  async say(...messages: ControlMessage[]): Promise<void> {
    for (const message of messages) this.send(message);
    await settle();
  }

  /** Opens a data stream with these bytes. */
  stream(bytes: Uint8Array, fin = true): ByteSource {
    const source = new ByteSource();
    source.write(bytes);
    source.finished = fin;
    source.stream = this.end.openUnidirectional(source, [1, 0, 0, 0]);
    source.stream.activate();
    return source;
  }

  /** Messages of a type that arrived. */
  all<Type extends ControlMessageType>(type: Type): Extract<ControlMessage, { type: Type }>[] {
    return this.received.filter((message) => message.type === type) as Extract<ControlMessage, { type: Type }>[];
  }

  /** The last message of a type that arrived. */
  last<Type extends ControlMessageType>(type: Type): Extract<ControlMessage, { type: Type }> {
    const found = this.all(type).at(-1);
    if (!found) throw new Error(`No ${type} arrived; ${this.received.map((message) => message.type).join(", ")} did.`);
    return found;
  }

  #controlSink(): SinkShape {
    return {
      data: (bytes, start, end) => this.#decoder.push(bytes, start, end, (message) => this.received.push(message)),
      finished: () => {},
      reset: () => {},
    };
  }

  #dataSink(handle: PairStream): SinkShape {
    const decoder = draft14.createDataStreamDecoder();
    const stream: RawStream = { handle, events: [] };
    this.streams.push(stream);
    const visitor: DataStreamVisitor = {
      subgroup: (header) =>
        stream.events.push(
          `subgroup ${header.trackAlias}/${header.group}/${header.subgroup} p${header.publisherPriority}`,
        ),
      object: (object) => stream.events.push(`object ${object.id} size ${object.sizeBytes} status ${object.status}`),
      payload: (bytes, start, end) => stream.events.push(Buffer.from(bytes.subarray(start, end)).toString("latin1")),
      fetch: () => stream.events.push("fetch"),
      fetchObject: () => stream.events.push("fetch object"),
    };
    return {
      data: (bytes, start, end) => void decoder.push(bytes, start, end, visitor),
      finished: () => stream.events.push("FIN"),
      reset: (code) => stream.events.push(`RESET ${code}`),
    };
  }
}

export function encode(message: ControlMessage): Uint8Array {
  const writer = new Writer();
  draft14.encodeControl(writer, message);
  return writer.toBytes();
}

export interface RawObject {
  readonly id: number;
  readonly payload?: string;
  readonly status?: 0 | 1 | 3 | 4;
}

/** Bytes of a subgroup stream. */
export function subgroupBytes(
  header: {
    readonly trackAlias: number;
    readonly group: number;
    readonly subgroup?: number;
    readonly endOfGroup?: boolean;
  },
  objects: readonly RawObject[],
): Uint8Array {
  const target = new Uint8Array(64 + objects.reduce((sum, object) => sum + 32 + (object.payload?.length ?? 0), 0));
  let at = draft14.encodeSubgroupHeader(target, 0, target.length, {
    trackAlias: header.trackAlias,
    group: header.group,
    subgroup: header.subgroup ?? 0,
    publisherPriority: 128,
    hasExtensions: false,
    endOfGroup: header.endOfGroup ?? false,
  });
  let previous = -1;
  for (const { id, payload = "", status = 0 } of objects) {
    const bytes = Buffer.from(payload, "latin1");
    at += draft14.encodeObjectHeader(target, at, target.length, previous, false, {
      id,
      sizeBytes: bytes.length,
      status,
      extensions: new Uint8Array(0),
    });
    target.set(bytes, at);
    at += bytes.length;
    previous = id;
  }
  return target.slice(0, at);
}
