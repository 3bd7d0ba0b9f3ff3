/**
 * One engine and one executor per thread, made when first needed, serving every listener and connection there. This file
 * is the glue between them: packets to the engine's slots, events to their owners, TX records to sockets.
 *
 * A crash of the engine ends the connections of this thread with an error and nothing else: the executor lives on, and a
 * new engine with the same keys takes over the sockets of listeners. It answers the old connections' packets with stateless
 * resets, so their peers learn of it with the next packet they send.
 */
import { randomFillSync } from "node:crypto";
import {
  type ConnectionInfo,
  createEngine,
  type Engine,
  EngineError,
  type EngineKeys,
  EVENT_WORDS,
  prepared,
} from "@moqingbird/engine";
import { messageOf, TransportError } from "../errors.ts";
import { type LoopClock, type LoopTimeout, type LoopTimers, systemClock, systemTimers } from "../executor/clock.ts";
import { Executor, type LoopStep, type PacketLoop } from "../executor/executor.ts";
import type { OpenUdp } from "../udp/backend.ts";
import { openDgram } from "../udp/dgram.ts";
import { crashChannel } from "./channels.ts";
import { ClientConfigs } from "./client-configs.ts";
import type { Endpoint } from "./endpoint.ts";
import { type EventOwners, handOut } from "./events.ts";
import { HandleTable } from "./handle-table.ts";
import { copiedKeys, randomKeys } from "./keys.ts";
import { Observers } from "./observing.ts";
import { PeerTable } from "./peers.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { QuicStream } from "./quic-stream.ts";

/** Packets one turn builds at most: about 1 ms of work, so that no burst of sends keeps receiving waiting. */
const packetsPerPump = 128;
/**
 * Packets that go to the engine before a turn when a burst has more than it has slots for: Bun hands over all that its socket
 * holds at once. More than that are dropped, so that a flood keeps nothing else waiting.
 */
const packetsAheadOfTurn = 2048;
/** Event batches (1024 records each) one dispatch hands out at most. */
const batchesPerDispatch = 8;
/** Crashes within so many milliseconds after which listeners give up: whatever it is, it comes again. */
const maxCrashes = 8;
const crashWindowMs = 60_000;
/** How soon to ask again whether the kernel has taken what libuv holds, ms. */
const blockedSocketMs = 1;

/** What a runtime takes from the machine it runs on. Default: this process's clock, timers, entropy and `node:dgram`. */
export interface RuntimeOptions {
  readonly clock?: LoopClock;
  readonly timers?: LoopTimers;
  /** Fills `target` with entropy for the engine. */
  readonly entropy?: (target: Uint8Array) => void;
  /** Opens every socket of this runtime. */
  readonly openUdp?: OpenUdp;
  readonly trace?: (step: LoopStep) => void;
}

/** What a thread's sockets, engine and executor have in common. */
export class Runtime implements PacketLoop, EventOwners {
  readonly executor: Executor;
  /** True while the engine builds a packet and must not be called: do it `later`. */
  busy = false;
  /** Received packets lost because one burst had more than a turn takes. */
  droppedPackets = 0;

  /** Opens a socket. */
  readonly openUdp: OpenUdp;
  readonly endpoints = new HandleTable<Endpoint>();
  readonly connections = new HandleTable<QuicConnection>();
  readonly streams = new HandleTable<QuicStream>();
  readonly observers: Observers;

  readonly #clock: LoopClock;
  readonly #timers: LoopTimers;
  readonly #entropy: ((target: Uint8Array) => void) | undefined;
  readonly #touched = new Set<Endpoint>();
  readonly #txViews: (Uint8Array | undefined)[] = [];
  #instance: EngineInstance | undefined;
  #keys: EngineKeys | undefined;
  /** When the latest crashes were, in microseconds. */
  #crashes: number[] = [];
  #memoryBytes: number | undefined;
  #rxCount = 0;
  /** Packets of this burst that the engine has already. */
  #ahead = 0;
  #dirty = false;
  #moreEvents = false;
  #morePackets = false;
  #blockedTimer: LoopTimeout | undefined;
  #flushed: (() => void)[] = [];

  constructor(options: RuntimeOptions = {}) {
    this.openUdp = options.openUdp ?? openDgram;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#entropy = options.entropy;
    this.observers = new Observers(
      (endpoint, peer) => {
        const local = this.endpoints.get(endpoint)?.address;
        return local && { local, remote: this.peers.socketAddress(peer) };
      },
      () => this.#clock.wallMillis(),
    );
    this.executor = new Executor(this, {
      clock: this.#clock,
      timers: this.#timers,
      ...(options.trace ? { trace: options.trace } : {}),
    });
  }

  /** The engine, made when first asked for. Errors: EngineError `not-built`. */
  get engine(): Engine {
    return this.#live.engine;
  }

  /** Memory of this engine and of those that follow it. Errors: EngineError `option-invalid`. */
  set memoryBytes(bytes: number) {
    this.engine.setMemoryBytes(bytes);
    this.#memoryBytes = bytes;
  }

  get peers(): PeerTable {
    return this.#live.peers;
  }

  /** Client configurations, shared by connections with equal options. */
  get clientConfigs(): ClientConfigs {
    return this.#live.clientConfigs;
  }

  /** Secrets for all engines of this thread. Errors: `option-invalid` once there is an engine. */
  useKeys(keys: EngineKeys): void {
    if (this.#keys !== undefined) {
      const detail = "the engine of this thread has keys already; give them before the first listen or connect";
      throw new TransportError("option-invalid", { option: "keys", detail });
    }
    this.#keys = copiedKeys(keys);
  }

  /** What the engine knows of a connection; undefined if its handle died since the event that named it. */
  info(connection: number): ConnectionInfo | undefined {
    return this.unlessStale(() => this.engine.connectionInfo(connection));
  }

  /** Runs a set-up call on a handle that may have died meanwhile, by itself or with its engine. */
  unlessStale<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (error instanceof EngineError && (error.code === "stale-handle" || error.code === "crashed")) return undefined;
      throw error;
    }
  }

  now(): number {
    return this.#clock.micros();
  }

  /** The engine was given something to do: see to it that a turn comes. */
  touch(): void {
    this.#dirty = true;
    this.executor.wake("engine");
  }

  /** Does what may not be done while `busy`, as soon as it may. */
  later(task: () => void): void {
    this.executor.add(task);
  }

  /** Resolves when everything that can leave now has been given to the sockets. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#flushed.push(resolve);
      this.touch();
    });
  }

  // --- Packets in -------------------------------------------------------------------------------------------------

  /** Absorbs one packet into the engine's arena; the turn that follows processes all of the burst. */
  receive(packet: Uint8Array, endpoint: number, peer: number, ecn: number): void {
    const { engine } = this.#live;
    if (this.#rxCount === engine.rxSlots && !this.#ingestAhead(engine)) {
      this.droppedPackets++;
      return;
    }
    const slot = engine.rxView(this.#rxCount);
    if (packet.length > slot.length) return; // larger than any QUIC packet of ours: noise
    slot.set(packet);
    engine.rx(this.#rxCount++, packet.length, endpoint, peer, ecn);
    this.executor.wake("packets");
  }

  // --- The loop ---------------------------------------------------------------------------------------------------

  ingest(now: number): number {
    const count = this.#rxCount;
    const ahead = this.#ahead;
    this.#rxCount = this.#ahead = 0;
    if (count > 0) this.#instance?.engine.ingest(count, now);
    return ahead + count;
  }

  timers(now: number): void {
    this.#instance?.engine.timers(now);
  }

  dispatch(): void {
    this.#moreEvents = false;
    for (let batch = 0; batch < batchesPerDispatch; batch++) {
      const engine = this.#instance?.engine;
      const count = engine?.events() ?? 0;
      if (engine === undefined || count === 0) return;
      for (let i = 0; i < count; i++) handOut(this, engine, i * EVENT_WORDS);
    }
    this.#moreEvents = true;
  }

  pump(now: number): number {
    const engine = this.#instance?.engine;
    if (engine === undefined) return 0;
    this.#dirty = false;
    const count = engine.pump(now, packetsPerPump);
    for (let i = 0; i < count; i++) this.#push(engine, i);
    let blocked = false;
    for (const endpoint of this.#touched) {
      if (endpoint.flush()) this.#touched.delete(endpoint);
      else blocked = true;
    }
    if (blocked) this.#retryBlocked();
    this.#morePackets = engine.pumpPending() === 1;
    if (!this.#morePackets && this.#flushed.length > 0) {
      for (const resolve of this.#flushed.splice(0)) resolve();
    }
    return count;
  }

  get pending(): boolean {
    return this.#dirty || this.#moreEvents || this.#morePackets || this.#rxCount > 0;
  }

  nextDeadline(): number {
    return this.#instance?.engine.nextDeadline() ?? -1;
  }

  armTimer(deadline: number): number {
    return this.engine.armTimer(deadline);
  }

  cancelTimer(timer: number): void {
    this.#instance?.engine.cancelTimer(timer);
  }

  /** The engine trapped: everything that lived in it is over. Timers of the executor move to a new one. */
  failed(error: unknown): void {
    const crash = new TransportError("engine-crashed", { detail: detailOf(error) }, { cause: error });
    const endpoints = this.endpoints.drain();
    const connections = this.connections.drain();
    this.streams.drain();
    this.#txViews.length = 0;
    this.#touched.clear();
    this.#instance = undefined;
    this.#rxCount = this.#ahead = 0;
    this.#dirty = this.#moreEvents = this.#morePackets = this.busy = false;
    this.observers.crashed(this.#clock.micros());
    const info = { by: "engine", code: 0n, reason: "", error: crash } as const;
    for (const connection of connections) connection.onClosed(info);
    const mayRevive = this.#forgives(this.now());
    const revived = endpoints.filter((endpoint) => endpoint.onCrash(crash, mayRevive)).length;
    crashChannel.publish({ error: crash, listeners: revived });
    for (const resolve of this.#flushed.splice(0)) resolve();
    if (this.executor.scheduled > 0) this.executor.rearm();
  }

  // --- Inside -----------------------------------------------------------------------------------------------------

  get #live(): EngineInstance {
    this.#instance ??= this.#start();
    return this.#instance;
  }

  /** Makes room in the slots for the rest of a burst. False: the burst has had its share, or the engine crashed. */
  #ingestAhead(engine: Engine): boolean {
    if (this.#ahead >= packetsAheadOfTurn) return false;
    try {
      engine.ingest(this.#rxCount, this.now());
    } catch (error) {
      this.failed(error);
      return false;
    }
    this.#ahead += this.#rxCount;
    this.#rxCount = 0;
    return true;
  }

  /** Whether listeners may go on after one more crash. */
  #forgives(nowMicros: number): boolean {
    this.#crashes = this.#crashes.filter((at) => nowMicros - at < crashWindowMs * 1000);
    return this.#crashes.push(nowMicros) <= maxCrashes;
  }

  #start(): EngineInstance {
    this.#keys ??= randomKeys(this.#entropy ?? randomFillSync);
    const engine = createEngine({
      clock: this.#clock,
      ...(this.#entropy ? { entropy: this.#entropy } : {}),
      keys: this.#keys,
      onCrash: () => this.executor.wake("engine"), // the next turn meets it and clears up
      prepare: this.#prepare,
      ...(this.#memoryBytes === undefined ? {} : { memoryBytes: this.#memoryBytes }),
      onPrepareError: (error, _connection, stream) => {
        const connection = this.streams.get(stream)?.connection;
        this.later(() => connection?.fail(error));
      },
    });
    return { engine, peers: new PeerTable(engine), clientConfigs: new ClientConfigs(engine) };
  }

  /** The engine builds a packet and asks a stream for bytes. */
  readonly #prepare = (_connection: number, handle: number, offset: number, max: number): number => {
    const stream = this.streams.get(handle);
    if (stream === undefined) return prepared(0, false, false);
    this.busy = true;
    try {
      const count = stream.pull((this.#instance as EngineInstance).engine.memory, offset, max);
      if (!(count >= 0 && count <= max))
        throw new RangeError(`pull returned ${count}, which is not within 0 and ${max}`);
      const { finished } = stream;
      // A source that has bytes but gives none would be asked for ever: it sleeps until it is activated again.
      return prepared(count, finished, !finished && count > 0 && stream.pending);
    } finally {
      this.busy = false;
    }
  };

  #push(engine: Engine, record: number): void {
    const slot = engine.txSlot(record);
    const endpoint = this.endpoints.get(engine.txEndpoint(record));
    if (endpoint === undefined) {
      engine.releaseTx(slot);
      return;
    }
    const length = engine.txLength(record);
    // Most packets are as long as the one before in their slot: the view is made once.
    let view = this.#txViews[slot];
    if (view?.length !== length) {
      view = engine.txView(slot).subarray(0, length);
      this.#txViews[slot] = view;
    }
    endpoint.push(slot, view, engine.txPeer(record), engine.txEcn(record));
    this.#touched.add(endpoint);
  }

  #retryBlocked(): void {
    this.#blockedTimer ??= this.#timers.setTimeout(() => {
      this.#blockedTimer = undefined;
      this.touch();
    }, blockedSocketMs);
  }
}

/** An engine and the tables that die with it. */
interface EngineInstance {
  readonly engine: Engine;
  readonly peers: PeerTable;
  readonly clientConfigs: ClientConfigs;
}

function detailOf(error: unknown): string {
  const cause = (error as Error | undefined)?.cause;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} ${messageOf(cause)}`;
}
