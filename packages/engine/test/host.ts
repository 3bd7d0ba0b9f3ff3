/** One engine with a host as small as it can be: it keeps every event, and sends what the tests queue. */
import {
  type Crypto,
  createEngine,
  DATA_FIN,
  type Engine,
  type EngineClock,
  type EngineKeys,
  EVENT_CONNECTION,
  EVENT_FLAGS,
  EVENT_HIGH,
  EVENT_KIND,
  EVENT_LENGTH,
  EVENT_LOW,
  EVENT_POINTER,
  EVENT_STREAM,
  EVENT_WORDS,
  EventKind,
  prepared,
  STREAM_UNI,
} from "@moqingbird/engine";

/** Options of {@link TestHost}. */
export interface TestHostOptions {
  readonly clock: EngineClock;
  readonly entropy: (target: Uint8Array) => void;
  readonly address: readonly number[];
  readonly port: number;
  /** Give credit back for every byte at once. Default true. */
  readonly autoCredit?: boolean;
  readonly maxConnections?: number;
  readonly memoryBytes?: number;
  /** Default: the engine's. */
  readonly crypto?: Crypto;
  /** Default: random. */
  readonly keys?: EngineKeys;
  /** Packets per pump. Default 64. */
  readonly budget?: number;
  /** Default true. */
  readonly watchSlots?: boolean;
}

/** One event, taken out of the ring. */
export interface SeenEvent {
  readonly kind: keyof typeof EventKind;
  readonly flags: number;
  readonly connection: number;
  readonly stream: number;
  /** The 62-bit code or id. */
  readonly value: bigint;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** What came in on a stream. */
export class Received {
  readonly connection: number;
  readonly id: bigint;
  readonly uni: boolean;
  readonly chunks: Uint8Array[] = [];
  length = 0;
  finished = false;
  reset: bigint | undefined;

  constructor(connection: number, id: bigint, uni: boolean) {
    this.connection = connection;
    this.id = id;
    this.uni = uni;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.chunks);
  }
}

/** Bytes that wait to leave on a stream. */
export class Outgoing {
  bytes: Uint8Array;
  at = 0;
  fin: boolean;
  /** How often prepare was asked. */
  prepares = 0;

  constructor(bytes: Uint8Array, fin: boolean) {
    this.bytes = bytes;
    this.fin = fin;
  }
}

const names = new Map(Object.entries(EventKind).map(([name, kind]) => [kind as number, name as SeenEvent["kind"]]));

/** An engine and its endpoint. */
export class TestHost {
  readonly engine: Engine;
  /** Where packets come from; another one is a migration. */
  address: Uint8Array;
  /** Another one is a rebinding. */
  port: number;
  readonly events: SeenEvent[] = [];
  readonly received = new Map<number, Received>();
  readonly outgoing = new Map<number, Outgoing>();
  /** Called by prepare before the queued bytes are looked at; may throw. */
  onPrepare: ((stream: number, max: number) => void) | undefined;
  /** Called for every event, within the loop over the ring. */
  onEvent: ((event: SeenEvent) => void) | undefined;
  endpoint = 0;
  pulled = 0;
  autoCredit: boolean;
  /** Packets sent, in order. */
  readonly sent: Uint8Array[] = [];
  keepPackets = false;
  readonly #peers = new Map<number, { address: Uint8Array; port: number }>();
  readonly #budget: number;

  constructor(options: TestHostOptions) {
    this.address = Uint8Array.from(options.address);
    this.port = options.port;
    this.autoCredit = options.autoCredit ?? true;
    this.#budget = options.budget ?? 64;
    this.engine = createEngine({
      clock: options.clock,
      entropy: options.entropy,
      prepare: (_connection, stream, offset, max) => this.#prepare(stream, offset, max),
      watchSlots: options.watchSlots ?? true,
      ...(options.crypto === undefined ? {} : { crypto: options.crypto }),
      ...(options.keys === undefined ? {} : { keys: options.keys }),
      ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
      ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    });
  }

  /** Index of another host's address. */
  peerOf(other: { address: Uint8Array; port: number }): number {
    const peer = this.engine.internPeer(other.address, other.port);
    this.#peers.set(peer, { address: other.address, port: other.port });
    return peer;
  }

  /** A stream with its bytes, awake. */
  open(connection: number, direction: 0 | 1, bytes: Uint8Array, fin = true, key = 0): number {
    const stream = this.engine.openStream(connection, direction, 0, 0, 0, key);
    this.send(stream, bytes, fin);
    return stream;
  }

  /** Bytes for a stream that is known already. */
  send(stream: number, bytes: Uint8Array, fin = true): void {
    this.outgoing.set(stream, new Outgoing(bytes, fin));
    this.engine.activate(stream);
  }

  seen(kind: SeenEvent["kind"]): SeenEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }

  /** Drops what it remembers of streams and events. */
  forget(): void {
    this.events.length = 0;
    this.received.clear();
    this.outgoing.clear();
  }

  /** Ingest, timers, events, pump. */
  turn(
    now: number,
    packets: readonly { bytes: Uint8Array; from: { address: Uint8Array; port: number } }[],
    carry: (bytes: Uint8Array, toPort: number) => void,
  ): void {
    const { engine } = this;
    for (let at = 0; at < packets.length; at += engine.rxSlots) {
      const batch = packets.slice(at, at + engine.rxSlots);
      batch.forEach(({ bytes, from }, slot) => {
        engine.rxView(slot).set(bytes);
        engine.rx(slot, bytes.length, this.endpoint, this.peerOf(from), 0);
      });
      engine.ingest(batch.length, now);
    }
    engine.timers(now);
    do {
      this.#drainEvents(now);
      const count = engine.pump(now, this.#budget);
      for (let i = 0; i < count; i++) {
        const slot = engine.txSlot(i);
        const bytes = engine.txView(slot).slice(0, engine.txLength(i));
        const peer = this.#peers.get(engine.txPeer(i));
        if (this.keepPackets) this.sent.push(bytes);
        engine.releaseTx(slot);
        if (peer !== undefined) carry(bytes, peer.port);
      }
    } while (engine.pumpPending() !== 0);
    this.#drainEvents(now);
  }

  #drainEvents(now: number): void {
    const { engine } = this;
    for (let count = engine.events(); count > 0; count = engine.events()) {
      for (let i = 0; i < count; i++) this.#take(i * EVENT_WORDS, now);
    }
  }

  #take(at: number, now: number): void {
    const { engine } = this;
    const word = (index: number) => engine.eventWords[at + index]!;
    const kind = names.get(word(EVENT_KIND));
    if (kind === undefined) throw new Error(`unknown event ${word(EVENT_KIND)}`);
    const pointer = word(EVENT_POINTER);
    const event: SeenEvent = {
      kind,
      flags: word(EVENT_FLAGS),
      connection: word(EVENT_CONNECTION),
      stream: word(EVENT_STREAM),
      value: (BigInt(word(EVENT_HIGH)) << 32n) | BigInt(word(EVENT_LOW)),
      bytes: engine.memory.slice(pointer, pointer + word(EVENT_LENGTH)),
      at: now,
    };
    this.events.push(event);
    this.#keep(event);
    this.onEvent?.(event);
  }

  #keep({ kind, connection, stream, value, flags, bytes }: SeenEvent): void {
    if (kind === "STREAM") {
      this.received.set(stream, new Received(connection, value, (flags & STREAM_UNI) !== 0));
    } else if (kind === "DATA" || kind === "RESET") {
      let received = this.received.get(stream);
      if (received === undefined) {
        received = new Received(connection, -1n, false); // the answer on a stream of ours
        this.received.set(stream, received);
      }
      if (kind === "RESET") received.reset = value;
      else {
        received.chunks.push(bytes);
        received.length += bytes.length;
        received.finished = (flags & DATA_FIN) !== 0;
        if (this.autoCredit) this.engine.credit(stream, bytes.length);
      }
    }
  }

  #prepare(stream: number, offset: number, max: number): number {
    this.onPrepare?.(stream, max);
    const outgoing = this.outgoing.get(stream);
    if (outgoing === undefined) return prepared(0, false, false);
    outgoing.prepares++;
    const length = Math.min(max, outgoing.bytes.length - outgoing.at);
    this.engine.memory.set(outgoing.bytes.subarray(outgoing.at, outgoing.at + length), offset);
    outgoing.at += length;
    this.pulled += length;
    const done = outgoing.at === outgoing.bytes.length;
    return prepared(length, done && outgoing.fin, !done);
  }
}
