/** A namespace of the peer's as a broadcast of the model: its tracks are asked for when somebody wants them. */

import {
  type BroadcastConsumer,
  type BroadcastProducer,
  TrackName,
  type TrackNamespace,
  type TrackRequest,
} from "@moqingbird/model";
import { doneCode } from "./codes.ts";
import type { SubscribeOptions } from "./subscription.ts";

/** Sends SUBSCRIBE for a track, and answers the request with what comes back. */
export type RequestTrack = (request: TrackRequest, options: SubscribeOptions) => void;

export class RemoteBroadcast {
  readonly namespace: TrackNamespace;
  readonly #producer: BroadcastProducer;
  /** Options for tracks about to be asked for, by name. */
  readonly #options = new Map<string, SubscribeOptions>();

  constructor(namespace: TrackNamespace, producer: BroadcastProducer, requestTrack: RequestTrack) {
    this.namespace = namespace;
    this.#producer = producer;
    producer.onTrackRequest = (request) => requestTrack(request, this.#options.get(request.name.key) ?? {});
  }

  /** A reading side of it. */
  consume(): BroadcastConsumer {
    return this.#producer.consume();
  }

  /** Asks for a track with options of its own; they count when nobody reads the track yet. */
  track(name: string | Uint8Array, options: SubscribeOptions): ReturnType<BroadcastConsumer["track"]> {
    const trackName = TrackName.of(name);
    const consumer = this.#producer.consume();
    this.#options.set(trackName.key, options);
    try {
      return consumer.track(trackName);
    } finally {
      this.#options.delete(trackName.key);
      consumer.close();
    }
  }

  /** The session is over. */
  end(clean: boolean, reason: string): void {
    if (clean) this.#producer.finish();
    else this.#producer.abort(doneCode.trackEnded, reason);
  }
}
