/**
 * Broadcasts: the tracks of one namespace and one publisher. Tracks are made beforehand (`createTrack`) or on request.
 * The producer's side is here, `broadcast-consumer.ts` has the readers' side.
 */
import { type BroadcastConsumer, BroadcastHandle } from "./broadcast-consumer.ts";
import { Cache } from "./cache.ts";
import type { Consumer } from "./consumer.ts";
import { type Ending, ending } from "./ending.ts";
import { ModelError } from "./errors.ts";
import { TrackName } from "./namespace.ts";
import { call, reportUncaught } from "./report.ts";
import { Request, type RequestOwner, type TrackRequestHandler } from "./request.ts";
import { Track, type TrackOptions, type TrackProducer } from "./track.ts";

export interface BroadcastOptions {
  /** Shared by all broadcasts of a process. Default: a cache of its own. */
  readonly cache?: Cache | undefined;
  readonly onTrackRequest?: TrackRequestHandler | undefined;
}

export class BroadcastProducer {
  /** Called for a track that nobody made; without a handler such a track is "not-found". One slot. */
  onTrackRequest: TrackRequestHandler | undefined;
  /** Called when the first track is consumed or requested, and when no track is any more. One slot each. */
  onUsed: (() => void) | undefined;
  onUnused: (() => void) | undefined;
  readonly #broadcast: Broadcast;

  constructor(options: BroadcastOptions = {}) {
    this.onTrackRequest = options.onTrackRequest;
    this.#broadcast = new Broadcast(options.cache ?? new Cache(), this);
  }

  /** Whether any track is consumed or requested. */
  get used(): boolean {
    return this.#broadcast.demand > 0;
  }

  /** Set once it ended. */
  get ending(): Ending | undefined {
    return this.#broadcast.ending;
  }

  /**
   * Makes a track before anybody asks. It stays, also when finished, until the broadcast ends or the name is made again.
   * Whoever waits for a request of that name gets it.
   * @throws ModelError `track-exists`; `no-consumers` when the broadcast had consumers and all have left: keep one of
   * your own (`consume()`) to bridge a reconnection; `closed`; `option-invalid`.
   */
  createTrack(name: string | Uint8Array | TrackName, options: TrackOptions = {}): TrackProducer {
    return this.#broadcast.createTrack(TrackName.of(name), options);
  }

  /** A new reading side. Close it when it is not needed any more. */
  consume(): BroadcastConsumer {
    return new BroadcastHandle(this.#broadcast);
  }

  /** Nothing new begins: tracks finish, waiting requests are refused, open subgroups may still be written to their end. */
  finish(): void {
    this.#broadcast.end(ending("finished"));
  }

  /** Gives up: every track is aborted, with the raw code. */
  abort(wireCode: number, reason?: string): void {
    this.#broadcast.end(ending("aborted", reason, wireCode));
  }
}

/** What producer and consumers share. @internal */
export class Broadcast implements RequestOwner {
  readonly cache: Cache;
  /** Consumers of tracks, live and waiting. */
  demand = 0;
  readonly #producer: BroadcastProducer;
  readonly #tracks = new Map<string, Track>();
  readonly #requests = new Map<string, Request>();
  readonly #handles = new Set<BroadcastHandle>();
  #hadHandle = false;
  #ending: Ending | undefined;

  constructor(cache: Cache, producer: BroadcastProducer) {
    this.cache = cache;
    this.#producer = producer;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  createTrack(name: TrackName, options: TrackOptions): Track {
    if (this.#ending !== undefined) throw new ModelError("closed", `The broadcast has ended: ${this.#ending.reason}`);
    const known = this.#tracks.get(name.key);
    if (known !== undefined && known.ending === undefined) {
      throw new ModelError("track-exists", `The broadcast already has a live track ${name}.`);
    }
    if (this.#hadHandle && this.#handles.size === 0 && this.demand === 0) {
      throw new ModelError(
        "no-consumers",
        `Every reader of the broadcast has left, so there is nobody to make track ${name} for.`,
      );
    }
    const track = new Track(name, this.cache, options, () => {});
    known?.detach();
    this.#tracks.set(name.key, track);
    this.#requests.get(name.key)?.fulfil(track);
    return track;
  }

  makeTrack(name: TrackName, options: TrackOptions): Track {
    const track = new Track(name, this.cache, options, () => {
      if (this.#tracks.get(name.key) === track) this.#tracks.delete(name.key);
      track.detach();
    });
    this.#tracks.set(name.key, track);
    return track;
  }

  requestClosed(request: Request): void {
    if (this.#requests.get(request.name.key) === request) this.#requests.delete(request.name.key);
  }

  /** Finds the track for a consumer, or asks for it; one request however many wait. */
  connect(consumer: Consumer): void {
    const { name } = consumer;
    const track = this.#tracks.get(name.key);
    const handler = this.#producer.onTrackRequest;
    if (this.#ending !== undefined) consumer.refuse(this.#ending);
    else if (track !== undefined) consumer.accept(track);
    else if (this.#requests.has(name.key)) this.#requests.get(name.key)?.join(consumer);
    else if (handler === undefined) consumer.refuse(ending("not-found"));
    else this.#ask(consumer, handler);
  }

  /** A consumer waits no more. */
  forget(consumer: Consumer): void {
    this.#requests.get(consumer.name.key)?.leave(consumer);
  }

  demandRose(): void {
    this.demand++;
    if (this.demand === 1) call(this.#producer.onUsed);
  }

  demandFell(): void {
    this.demand--;
    if (this.demand === 0) call(this.#producer.onUnused);
  }

  handleOpened(handle: BroadcastHandle): void {
    this.#hadHandle = true;
    this.#handles.add(handle);
  }

  handleClosed(handle: BroadcastHandle): void {
    this.#handles.delete(handle);
  }

  end(how: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = how;
    for (const request of [...this.#requests.values()]) request.refuse(how);
    for (const track of [...this.#tracks.values()]) {
      track.end(how);
      track.detach();
    }
    this.#tracks.clear();
    for (const handle of [...this.#handles]) handle.end(how);
  }

  #ask(consumer: Consumer, handler: TrackRequestHandler): void {
    const request = new Request(consumer.name, this);
    request.join(consumer);
    this.#requests.set(consumer.name.key, request);
    try {
      handler(request);
    } catch (error) {
      reportUncaught(error);
      if (request.state === "open") request.refuse(ending("rejected", "The publisher's request handler failed."));
    }
  }
}
