/**
 * Two engines in one process, joined by copying packets: sender, receiver and acknowledgements cost time, sockets do not.
 * One endless stream on a link of 500 µs of virtual time each way, in packets of 1200 bytes.
 */
import {
  type Crypto,
  createEngine,
  type Engine,
  EVENT_KIND,
  EVENT_LENGTH,
  EVENT_STREAM,
  EVENT_WORDS,
  EventKind,
  prepared,
} from "@moqingbird/engine";

const delayMicros = 500;
/** Bounds the flight and so the memory that a packet's life touches: a cache's worth. */
const receiveWindow = 256 << 10;

export interface MemoryPairOptions {
  readonly crypto: Crypto;
  readonly leaf: { readonly chain: string; readonly key: string };
  /** Packets that arrive together. Default: all that are under way. */
  readonly burst?: number;
  /** Packets the receiver may let come before it acknowledges; 0 for RFC 9000's rule of two. Default: the engine's. */
  readonly ackEveryPackets?: number;
}

/** Counts of both engines together. */
export interface Effort {
  /** Requests for memory. */
  readonly requests: number;
  /** Calls into the wasm, but for those that give credit, one for each DATA event. */
  readonly calls: number;
  /** Bursts of packets, or of nothing, that were taken in and answered. */
  readonly turns: number;
}

interface Side {
  readonly engine: Engine;
  endpoint: number;
  /** Index of the other's address. */
  peer: number;
  /** Packets on their way to this side; `count` of them are filled. */
  readonly inbox: { readonly bytes: Uint8Array; length: number }[];
  count: number;
  arrived: number;
  connected: boolean;
}

/** An endless transfer that can be moved on by a number of packets. */
export class MemoryPair {
  readonly #client: Side;
  readonly #server: Side;
  readonly #burst: number;
  #now = 1_000_000;
  #turns = 0;
  #credits = 0;

  constructor({ crypto, leaf, burst = Number.POSITIVE_INFINITY, ackEveryPackets }: MemoryPairOptions) {
    this.#burst = burst;
    this.#client = this.#side(crypto);
    this.#server = this.#side(crypto);
    const { engine: client } = this.#client;
    const { engine: server } = this.#server;
    const transport = {
      streamReceiveWindow: receiveWindow,
      connectionReceiveWindow: receiveWindow,
      streamCreditBytes: receiveWindow,
      maxMtu: 1200,
      ...(ackEveryPackets !== undefined && { ackEveryPackets }),
    };
    const config = server.addServerConfig({
      certificateChain: leaf.chain,
      privateKey: leaf.key,
      alpn: ["bench"],
      transport,
    });
    this.#server.endpoint = server.openEndpoint(config);
    this.#client.endpoint = client.openEndpoint(-1);
    const near = client.connect(
      this.#client.endpoint,
      client.addClientConfig({ alpn: ["bench"], trust: "none", transport }),
      this.#client.peer,
      "localhost",
      this.#now,
    );
    while (!(this.#client.connected && this.#server.connected)) this.#turn();
    client.activate(client.openStream(near, 1, 0, 0, 0, 0));
  }

  /** Runs until so many more packets have reached the receiver. */
  transfer(packets: number): void {
    const target = this.#server.arrived + packets;
    for (let idle = 0; this.#server.arrived < target; ) {
      const before = this.#server.arrived;
      this.#turn();
      idle = this.#server.arrived === before ? idle + 1 : 0;
      if (idle > 10_000) throw new Error("the transfer stands still");
    }
  }

  /** What both engines have been asked for so far. */
  get effort(): Effort {
    const engines = [this.#client.engine, this.#server.engine];
    return {
      requests: engines.reduce((all, engine) => all + engine.memoryStats().requests, 0),
      calls: engines.reduce((all, engine) => all + engine.calls, -this.#credits),
      turns: this.#turns,
    };
  }

  #side(crypto: Crypto): Side {
    const pattern = new Uint8Array(16 << 10).map((_, index) => index * 31); // more than is ever asked for at once
    const engine: Engine = createEngine({
      crypto,
      clock: { micros: () => this.#now, wallMillis: () => Date.now() },
      prepare: (_connection, _stream, offset, max) => {
        const length = Math.min(max, pattern.length);
        engine.memory.set(pattern.subarray(0, length), offset);
        return prepared(length, false, true);
      },
    });
    const peer = engine.internPeer(Uint8Array.of(10, 0, 0, 1), 4433);
    const inbox = Array.from({ length: engine.rxSlots }, () => ({ bytes: new Uint8Array(2048), length: 0 }));
    return { engine, endpoint: 0, peer, inbox, count: 0, arrived: 0, connected: false };
  }

  #turn(): void {
    this.#now += delayMicros;
    this.#half(this.#client, this.#server);
    this.#half(this.#server, this.#client);
  }

  /** One side's share of a turn: its packets arrive burst by burst, and each burst is answered before the next. */
  #half(side: Side, other: Side): void {
    const arrived = side.count;
    side.count = 0;
    side.arrived += arrived;
    let at = 0;
    do {
      const count = Math.min(this.#burst, arrived - at);
      this.#turns++;
      this.#ingest(side, at, count);
      at += count;
      side.engine.timers(this.#now);
      for (let events = side.engine.events(); events > 0; events = side.engine.events()) this.#take(side, events);
      this.#pump(side, other);
    } while (at < arrived);
  }

  #ingest({ engine, endpoint, peer, inbox }: Side, at: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const packet = inbox[at + i]!;
      engine.rxView(i).set(packet.bytes.subarray(0, packet.length));
      engine.rx(i, packet.length, endpoint, peer, 0);
    }
    if (count > 0) engine.ingest(count, this.#now);
  }

  #pump({ engine }: Side, other: Side): void {
    const sent = engine.pump(this.#now, other.inbox.length - other.count);
    for (let i = 0; i < sent; i++) {
      const slot = engine.txSlot(i);
      const packet = other.inbox[other.count++]!;
      packet.length = engine.txLength(i);
      packet.bytes.set(engine.txView(slot).subarray(0, packet.length));
      engine.releaseTx(slot);
    }
  }

  #take(side: Side, events: number): void {
    const { engine } = side;
    for (let at = 0; at < events * EVENT_WORDS; at += EVENT_WORDS) {
      const kind = engine.eventWords[at + EVENT_KIND];
      if (kind === EventKind.CONNECTED) side.connected = true;
      else if (kind === EventKind.CLOSED) throw new Error("the connection of the benchmark closed");
      else if (kind === EventKind.DATA) {
        this.#credits++;
        engine.credit(engine.eventWords[at + EVENT_STREAM]!, engine.eventWords[at + EVENT_LENGTH]!);
      }
    }
  }
}
