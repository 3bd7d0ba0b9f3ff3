/** One client, one server, one stream: how long so many bytes take over a link. */
import {
  type HostSettings,
  type LinkCounters,
  type LinkPair,
  type LinkSettings,
  seededBytes,
  totalCounters,
} from "@moqingbird/testing";
import type { Connection, ReceiveSink, SendSource, TransportSettings } from "@moqingbird/transport";
import type { Process, ProcessSettings } from "./process.ts";
import type { Simulation } from "./simulation.ts";

const alpn = ["transfer"];

/** What is sent, over what. */
export interface Transfer {
  readonly bytes: number;
  readonly link: LinkSettings;
  /** The other direction. Default: the same. */
  readonly back?: LinkSettings;
  readonly transport?: TransportSettings;
  readonly sender?: HostSettings & ProcessSettings;
  readonly receiver?: HostSettings & ProcessSettings;
  /** Virtual time after which it is given up. */
  readonly limitMs: number;
}

/** How it went. */
export interface Transferred {
  /** From the first packet of the handshake to the last byte, in ms. */
  readonly completionMs: number;
  readonly goodputKbps: number;
  readonly counters: LinkCounters;
  readonly link: LinkPair;
  readonly sender: Connection;
  readonly sending: Process;
  readonly receiving: Process;
}

/** A source of given bytes. */
export class BytesSource implements SendSource {
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

/** A sink that compares what comes with what was sent. */
export class ComparingSink implements ReceiveSink {
  readonly done: Promise<void>;
  readonly #expected: Uint8Array;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #at = 0;

  constructor(expected: Uint8Array) {
    this.#expected = expected;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    const expected = this.#expected.subarray(this.#at, this.#at + end - start);
    if (Buffer.compare(bytes.subarray(start, end), expected) !== 0) {
      this.#reject(new Error(`The bytes at ${this.#at} are not those that were sent.`));
    }
    this.#at += end - start;
  }

  finished(): void {
    if (this.#at === this.#expected.length) this.#resolve();
    else this.#reject(new Error(`${this.#at} bytes arrived, not ${this.#expected.length}.`));
  }

  reset(code: bigint): void {
    this.#reject(new Error(`The stream was reset with code ${code}.`));
  }

  closed(): void {
    this.#reject(new Error("The connection ended first."));
  }
}

/** Sends the bytes from client to server, and compares them. */
export async function transfer(simulation: Simulation, options: Transfer): Promise<Transferred> {
  const receiving = simulation.process(options.receiver);
  const sending = simulation.process(options.sender);
  const link = simulation.link(sending, receiving, options.link, options.back);
  const bytes = seededBytes(options.bytes, simulation.seed);
  const sink = new ComparingSink(bytes);
  const transport = options.transport ?? {};
  const work = async () => {
    await receiving.listen({
      alpn,
      transport,
      onConnection: (connection) => {
        connection.handler = { stream: () => sink };
      },
    });
    const sender = await sending.connect(receiving, { alpn, transport, timeoutMs: 30_000 });
    sender.openUnidirectional(new BytesSource(bytes)).activate();
    await sink.done;
    return sender;
  };
  const started = simulation.elapsedMs;
  const sender = await simulation.until(work(), options.limitMs, "the last byte");
  const completionMs = simulation.elapsedMs - started;
  const goodputKbps = (options.bytes * 8) / completionMs;
  return { completionMs, goodputKbps, counters: totalCounters([link]), link, sender, sending, receiving };
}
