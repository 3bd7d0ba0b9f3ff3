/** Track requests: a subscriber asked for a track that nobody made. One request however many subscribers wait for it. */
import type { TrackName } from "./namespace.ts";
import type { TrackOptions, TrackProducer } from "./track.ts";

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
