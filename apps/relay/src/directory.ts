/**
 * The relay's list of broadcasts, itself a track: namespace (".moqingbird"), track "broadcasts", a group with one object per
 * change, one path per line, sorted. Draft 14 forbids SUBSCRIBE_NAMESPACE for the empty prefix, so without this nobody could
 * ask a relay for everything it has. The namespace is served when asked for by name and never announced.
 */
import {
  type BroadcastConsumer,
  BroadcastProducer,
  type Cache,
  type Origin,
  TrackNamespace,
  type TrackProducer,
} from "@moqingbird/model";

/** Where `moqb ls` looks. */
export const directoryNamespace = TrackNamespace.of(".moqingbird");
export const directoryTrack = "broadcasts";

/** Changes within this time share a group, in milliseconds: a thousand publishers that come at once are one list. */
const settleMs = 50;

export class Directory {
  readonly #broadcast: BroadcastProducer;
  readonly #track: TrackProducer;
  readonly #paths = new Map<string, string>();
  readonly #watch: { stop(): void };
  readonly #consumer: BroadcastConsumer;
  #timer: NodeJS.Timeout | undefined;
  #stale = true;

  constructor(origin: Origin, cache: Cache) {
    this.#broadcast = new BroadcastProducer({ cache });
    this.#track = this.#broadcast.createTrack(directoryTrack, { retentionMs: 0 });
    this.#track.onUsed = () => this.#write();
    this.#consumer = this.#broadcast.consume();
    this.#watch = origin.announced(TrackNamespace.of(), {
      added: (namespace) => {
        this.#paths.set(namespace.key, namespace.toString());
        this.#changed();
      },
      removed: (namespace) => {
        this.#paths.delete(namespace.key);
        this.#changed();
      },
    });
  }

  /** The list as a broadcast, for `Origin.onRequest`. */
  consume(): BroadcastConsumer {
    return this.#consumer.consume();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#watch.stop();
    this.#broadcast.finish();
  }

  #changed(): void {
    this.#stale = true;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#track.used) this.#write();
    }, settleMs).unref();
  }

  /** Publishes the list, if it changed and somebody listens. */
  #write(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const text = [...this.#paths.values()].sort().join("\n");
    const group = this.#track.appendGroup();
    group.writeObject(new TextEncoder().encode(text));
    group.finish();
  }
}
