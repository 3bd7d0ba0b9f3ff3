/**
 * Two engines on one virtual clock, and a link between them: packets arrive after a delay, through a filter that may
 * drop or change them. Nothing waits for real time.
 */
import type { EngineClock } from "@moqingbird/engine";
import { TestHost, type TestHostOptions } from "./host.ts";
import { seededEntropy } from "./random.ts";

/** What happens to a packet: false drops it; the bytes may be changed in place. */
export type Filter = (packet: { bytes: Uint8Array; from: TestHost; index: number }) => boolean;

/** Options of {@link Network}. */
export interface NetworkOptions {
  /** One way, in milliseconds. Default 5. */
  readonly delayMs?: number;
  /** Link rate in packets per millisecond. Default: no limit. */
  readonly packetsPerMs?: number;
  readonly seed?: number;
  readonly filter?: Filter;
  /** Stands between the engines and the network's clock. */
  readonly wrapClock?: (clock: EngineClock) => EngineClock;
  /** Makes each engine's entropy from its seed. Default {@link seededEntropy}. */
  readonly wrapEntropy?: (seed: number) => (target: Uint8Array) => void;
  readonly client?: Partial<TestHostOptions>;
  readonly server?: Partial<TestHostOptions>;
}

interface InFlight {
  readonly at: number;
  readonly to: TestHost;
  readonly from: TestHost;
  readonly bytes: Uint8Array;
}

/** The pair. `client` and `server` are names only: either may connect. */
export class Network {
  /** Virtual microseconds. */
  now = 1_000_000;
  readonly client: TestHost;
  /** May be exchanged, with the same port. */
  server: TestHost;
  filter: Filter;
  packets = 0;
  readonly #delay: number;
  readonly #gap: number;
  readonly #clock: EngineClock;
  readonly #inFlight: InFlight[] = [];
  readonly #lineFree = new Map<TestHost, number>();

  constructor(options: NetworkOptions = {}) {
    this.#delay = (options.delayMs ?? 5) * 1000;
    this.#gap = options.packetsPerMs === undefined ? 0 : 1000 / options.packetsPerMs;
    this.filter = options.filter ?? (() => true);
    const seed = options.seed ?? 1;
    const time = { micros: () => this.now, wallMillis: () => Date.now() };
    const clock = options.wrapClock?.(time) ?? time;
    this.#clock = clock;
    const entropy = options.wrapEntropy ?? seededEntropy;
    this.client = new TestHost({
      clock,
      entropy: entropy(seed * 2),
      address: [10, 0, 0, 1],
      port: 1111,
      ...options.client,
    });
    this.server = new TestHost({
      clock,
      entropy: entropy(seed * 2 + 1),
      address: [10, 0, 0, 2],
      port: 4433,
      ...options.server,
    });
  }

  /** The server is gone, as by a crash: another engine has its address from now on. Packets under way come to nothing. */
  succeed(options: Partial<TestHostOptions> = {}): TestHost {
    const { address, port } = this.server;
    this.server = new TestHost({
      clock: this.#clock,
      entropy: seededEntropy(99),
      address: [...address],
      port,
      ...options,
    });
    return this.server;
  }

  /** Turns the pair until `done`, or throws after `limitMs` of virtual time. */
  run(done: () => boolean, limitMs = 60_000): void {
    const limit = this.now + limitMs * 1000;
    for (;;) {
      this.turn();
      if (done()) return;
      if (!this.#advance(limit)) throw new Error(`not reached within ${limitMs} ms of virtual time`);
    }
  }

  /** Lets this much virtual time pass. */
  pass(ms: number): void {
    const limit = this.now + ms * 1000;
    this.turn();
    while (this.#advance(limit)) this.turn();
    this.now = limit;
    this.turn();
  }

  /** One turn of both hosts at the present moment, until nothing is due. */
  turn(): void {
    for (const host of [this.client, this.server]) {
      const due = this.#inFlight.filter((packet) => packet.to === host && packet.at <= this.now);
      for (const packet of due) this.#inFlight.splice(this.#inFlight.indexOf(packet), 1);
      host.turn(
        this.now,
        due.map(({ bytes, from }) => ({ bytes, from })),
        (bytes, to) => this.#carry(host, bytes, to),
      );
    }
  }

  #carry(from: TestHost, bytes: Uint8Array, toPort: number): void {
    const index = this.packets++;
    const to = [this.client, this.server].find((host) => host.port === toPort);
    if (to === undefined || !this.filter({ bytes, from, index })) return;
    const start = Math.max(this.now, this.#lineFree.get(from) ?? 0);
    this.#lineFree.set(from, start + this.#gap);
    this.#inFlight.push({ at: Math.ceil(start + this.#delay), to, from, bytes });
  }

  /** Moves the clock to the next thing that happens; false when that lies beyond the limit. */
  #advance(limit: number): boolean {
    const times = this.#inFlight.map((packet) => packet.at);
    for (const host of [this.client, this.server]) {
      const deadline = host.engine.nextDeadline();
      if (deadline >= 0) times.push(deadline);
    }
    const next = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
    if (next > limit) return false;
    this.now = Math.max(this.now, next);
    return true;
  }
}
