/** Track requests: a subscriber asked for a track that nobody made. One request however many subscribers wait for it. */
import type { Consumer } from "./consumer.ts";
import { type Ending, ending } from "./ending.ts";
import { ModelError } from "./errors.ts";
import type { TrackName } from "./namespace.ts";
import { call } from "./report.ts";
import type { Track, TrackOptions, TrackProducer } from "./track.ts";

export interface TrackRequest {
  readonly name: TrackName;
  readonly state: "open" | "accepted" | "rejected" | "abandoned";
  /** Consumers waiting. */
  readonly subscribers: number;
  /** Called when the last waiting consumer left before the answer: the state is then "abandoned", a later request is a new one. */
  onAbandoned: (() => void) | undefined;
  /**
   * Makes the track; all who wait become its consumers. When it ends it is forgotten: the next consumer asks again.
   * @throws ModelError `no-consumers` when every reader has left, `request-answered`.
   */
  accept(options?: TrackOptions): TrackProducer;
  /** Refuses, with the raw code for SUBSCRIBE_ERROR. Nothing happens when abandoned. @throws ModelError `request-answered`. */
  reject(wireCode: number, reason?: string): void;
}

/** Answers requests now or later, by `accept` or `reject`. */
export type TrackRequestHandler = (request: TrackRequest) => void;

/** What a request needs of its broadcast. @internal */
export interface RequestOwner {
  /** Makes the track, to be forgotten when it ends. */
  makeTrack(name: TrackName, options: TrackOptions): Track;
  /** The request is over. */
  requestClosed(request: Request): void;
}

/** A request and who waits for it. @internal */
export class Request implements TrackRequest {
  readonly name: TrackName;
  onAbandoned: (() => void) | undefined;
  readonly #owner: RequestOwner;
  readonly #waiting = new Set<Consumer>();
  #state: "open" | "accepted" | "rejected" | "abandoned" = "open";

  constructor(name: TrackName, owner: RequestOwner) {
    this.name = name;
    this.#owner = owner;
  }

  get state(): "open" | "accepted" | "rejected" | "abandoned" {
    return this.#state;
  }

  get subscribers(): number {
    return this.#waiting.size;
  }

  accept(options: TrackOptions = {}): TrackProducer {
    if (this.#state === "abandoned") {
      throw new ModelError(
        "no-consumers",
        `Every reader of track ${this.name} has left; there is nobody to make it for.`,
      );
    }
    this.#checkOpen();
    const track = this.#owner.makeTrack(this.name, options);
    this.fulfil(track);
    return track;
  }

  reject(wireCode: number, reason?: string): void {
    if (this.#state === "abandoned") return;
    this.#checkOpen();
    this.refuse(ending("rejected", reason, wireCode));
  }

  /** One more waits. */
  join(consumer: Consumer): void {
    this.#waiting.add(consumer);
  }

  /** One waits no more; after the last the publisher need not answer. */
  leave(consumer: Consumer): void {
    if (!this.#waiting.delete(consumer) || this.#waiting.size > 0 || this.#state !== "open") return;
    this.#close("abandoned");
    call(this.onAbandoned);
  }

  /** The track is there: by `accept`, or because the publisher made one of this name. */
  fulfil(track: Track): void {
    for (const consumer of this.#close("accepted")) consumer.accept(track);
  }

  refuse(how: Ending): void {
    for (const consumer of this.#close("rejected")) consumer.refuse(how);
  }

  #close(state: "accepted" | "rejected" | "abandoned"): Consumer[] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#state = state;
    this.#owner.requestClosed(this);
    return waiting;
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    throw new ModelError("request-answered", `The request for track ${this.name} was already ${this.#state}.`);
  }
}
