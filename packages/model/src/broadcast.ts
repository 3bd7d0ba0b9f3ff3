/** Broadcasts: the tracks of one namespace and one publisher. */
import type { Cache } from "./cache.ts";
import type { TrackConsumer } from "./consumer.ts";
import type { Ending } from "./ending.ts";
import type { TrackName } from "./namespace.ts";
import type { TrackRequestHandler } from "./request.ts";
import type { TrackOptions, TrackProducer } from "./track.ts";

export declare class BroadcastProducer {
  /** @param options.cache shared by all broadcasts of the process; default a cache of its own. */
  constructor(options?: {
    readonly cache?: Cache | undefined;
    readonly onTrackRequest?: TrackRequestHandler | undefined;
  });
  /** Called for a track that nobody made; without a handler such a track is "not-found". One slot. */
  onTrackRequest: TrackRequestHandler | undefined;
  /** Whether any track is consumed or requested; and its edges. One slot each. */
  get used(): boolean;
  onUsed: (() => void) | undefined;
  onUnused: (() => void) | undefined;
  get ending(): Ending | undefined;
  /**
   * Makes a track before anybody asks. It stays, also finished, until the broadcast ends or the name is made again.
   * Whoever waits for a request of that name gets it.
   * @throws ModelError `track-exists`; `no-consumers` when there were consumers of the broadcast and all have left; `closed`.
   */
  createTrack(name: string | Uint8Array | TrackName, options?: TrackOptions): TrackProducer;
  /** A new reading side. */
  consume(): BroadcastConsumer;
  /** Nothing new begins: tracks finish, waiting requests are rejected, open subgroups may be written to their end. */
  finish(): void;
  /** Gives up: every track is aborted with the raw code. */
  abort(wireCode: number, reason?: string): void;
}

export declare class BroadcastConsumer {
  private constructor();
  get state(): "live" | "ended";
  get ending(): Ending | undefined;
  /** Resolves, once, when the broadcast ended or this handle was closed. */
  get closed(): Promise<Ending>;
  /** Called once on that. One slot: an origin or a session takes it when the consumer is handed to it. */
  onEnded: ((ending: Ending) => void) | undefined;
  /** A hold on a track; asks the publisher when nobody made it. Never throws: see its `state`. Close it when done. */
  track(name: string | Uint8Array | TrackName): TrackConsumer;
  /** Another reading side of the same broadcast. */
  consume(): BroadcastConsumer;
  /** Ends the subscriptions of every track consumer made through this handle; the broadcast and the handle go on. */
  endTracks(ending: Ending): void;
  /** Gives the handle back. Track consumers made through it go on. */
  close(): void;
}
