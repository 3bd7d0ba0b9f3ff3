/** The readers' side of a broadcast: a handle to find, or ask for, its tracks. */
import type { Broadcast } from "./broadcast.ts";
import type { Schedule } from "./cache.ts";
import { Consumer, type ConsumerOwner, type TrackConsumer } from "./consumer.ts";
import { type Ending, ending } from "./ending.ts";
import { TrackName } from "./namespace.ts";
import { reportUncaught } from "./report.ts";

export interface BroadcastConsumer {
  readonly state: "live" | "ended";
  /** Set once the broadcast ended, or this handle was closed. */
  readonly ending: Ending | undefined;
  /** Resolves, once, with that. */
  readonly closed: Promise<Ending>;
  /** Called once on that. One slot: an origin or a session takes it when the consumer is handed to it. */
  onEnded: ((ending: Ending) => void) | undefined;
  /** A hold on a track; the publisher is asked when nobody made it. Never throws for a missing track: see its `state`. Close it when done. */
  track(name: string | Uint8Array | TrackName): TrackConsumer;
  /** Another handle on the same broadcast. */
  consume(): BroadcastConsumer;
  /** Ends every track consumer made through this handle; the broadcast, the handle and other handles go on. */
  endTracks(ending: Ending): void;
  /** Gives the handle back. Track consumers made through it go on. */
  close(): void;
}

/** @internal */
export class BroadcastHandle implements BroadcastConsumer, ConsumerOwner {
  onEnded: ((ending: Ending) => void) | undefined;
  readonly #broadcast: Broadcast;
  readonly #consumers = new Set<Consumer>();
  #ending: Ending | undefined;
  #closed: Promise<Ending> | undefined;
  #resolveClosed: ((ending: Ending) => void) | undefined;

  constructor(broadcast: Broadcast) {
    this.#broadcast = broadcast;
    if (broadcast.ending === undefined) broadcast.handleOpened(this);
    else this.#ending = broadcast.ending;
  }

  get schedule(): Schedule {
    return this.#broadcast.cache.schedule;
  }

  get state(): "live" | "ended" {
    return this.#ending === undefined ? "live" : "ended";
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  get closed(): Promise<Ending> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#ending === undefined) this.#resolveClosed = resolve;
      else resolve(this.#ending);
    });
    return this.#closed;
  }

  track(name: string | Uint8Array | TrackName): TrackConsumer {
    const consumer = new Consumer(TrackName.of(name), this);
    if (this.#ending !== undefined) {
      consumer.refuse(this.#ending);
      return consumer;
    }
    this.#broadcast.connect(consumer);
    // Counted after it was connected: a track that does not exist is no demand.
    if (consumer.state !== "rejected") {
      this.#consumers.add(consumer);
      this.#broadcast.demandRose();
    }
    return consumer;
  }

  consume(): BroadcastConsumer {
    return new BroadcastHandle(this.#broadcast);
  }

  endTracks(how: Ending): void {
    for (const consumer of [...this.#consumers]) consumer.end(how);
  }

  close(): void {
    this.end(ending("closed"));
  }

  end(how: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = how;
    this.#broadcast.handleClosed(this);
    this.#resolveClosed?.(how);
    try {
      this.onEnded?.(how);
    } catch (error) {
      reportUncaught(error);
    }
  }

  consumerLeft(consumer: Consumer): void {
    this.#broadcast.forget(consumer);
    if (this.#consumers.delete(consumer)) this.#broadcast.demandFell();
  }
}
