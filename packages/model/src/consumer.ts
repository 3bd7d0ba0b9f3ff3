/** Track consumers: one reader's hold on a track, asked for if nobody had made it. Open ones are the track's demand. */
import type { Schedule } from "./cache.ts";
import type { Datagram } from "./datagram.ts";
import { type Ending, ending } from "./ending.ts";
import { ModelError, type ModelErrorCode } from "./errors.ts";
import type { Location } from "./location.ts";
import type { TrackName } from "./namespace.ts";
import {
  type GroupReader,
  type ReadOptions,
  readDatagrams,
  readGroups,
  readObjects,
  type WholeObject,
} from "./read.ts";
import { call } from "./report.ts";
import type { Subscription, SubscriptionOptions, TrackSubscription } from "./subscription.ts";
import type { GroupOrder, Track } from "./track.ts";

export interface TrackConsumer {
  readonly name: TrackName;
  /** "requested": nobody answered yet. "live": subscribe. "rejected": see `ending`. "ended": it was live; what is stored may still be read. */
  readonly state: "requested" | "live" | "rejected" | "ended";
  /** Resolves when the track is live; rejects with ModelError `track-rejected` (with the wire code), `track-not-found` or `closed`. */
  readonly ready: Promise<void>;
  /** Why it was rejected or ended. */
  readonly ending: Ending | undefined;
  /** The publisher's priority and group order; the defaults until the track is live. */
  readonly priority: number;
  readonly order: GroupOrder;
  /** The publisher's bounds on an object's age, in milliseconds: see `TrackOptions`. */
  readonly deliveryTimeoutMs: number | undefined;
  readonly maxCacheDurationMs: number | undefined;
  /** The largest location published or announced by the publisher. */
  readonly largest: Location | undefined;
  /** Called once when the request was answered (state "live" or "rejected"), before `ready` settles. Not called if it was answered already. */
  onAnswer: (() => void) | undefined;
  /** @throws ModelError `track-not-ready` while requested; `closed` or `track-rejected` afterwards. An ended track replays what is stored, then ends. */
  subscribe(options: SubscriptionOptions): TrackSubscription;
  /**
   * The groups from a start on (default: the newest), as they begin; waits until the track is live. Ends with the track.
   * Leaving the loop closes the subscription.
   * @throws ModelError what `ready` rejects with; `read-timeout`; `closed` when the track was aborted or replaced. The
   * signal's reason when aborted.
   */
  groups(options?: ReadOptions): AsyncGenerator<GroupReader, void, undefined>;
  /** All objects, whole, group after group. Dropped groups and objects that the publisher left incomplete are passed over. */
  objects(options?: ReadOptions): AsyncGenerator<WholeObject, void, undefined>;
  /** The objects that come as datagrams. A loop that is 256 behind loses the oldest. */
  datagrams(options?: ReadOptions): AsyncGenerator<Datagram, void, undefined>;
  /** Leaves: closes its subscriptions; the last consumer's leaving makes the track unused. */
  close(): void;
}

/** What a consumer tells its broadcast handle and its request. @internal */
export interface ConsumerOwner {
  /** The cache's timer, for time-outs. */
  readonly schedule: Schedule;
  /** It waits no more and consumes no more. Once per consumer. */
  consumerLeft(consumer: Consumer): void;
}

/** A reader's hold on a track. @internal */
export class Consumer implements TrackConsumer {
  readonly name: TrackName;
  onAnswer: (() => void) | undefined;
  readonly #owner: ConsumerOwner;
  readonly #subscriptions = new Set<Subscription>();
  #track: Track | undefined;
  /** Of this hold; the track's own ending stands behind it. */
  #ending: Ending | undefined;
  #ready: Promise<void> | undefined;
  #settleReady: (() => void) | undefined;

  constructor(name: TrackName, owner: ConsumerOwner) {
    this.name = name;
    this.#owner = owner;
  }

  get state(): "requested" | "live" | "rejected" | "ended" {
    if (this.#track === undefined) return this.#ending === undefined ? "requested" : "rejected";
    return this.ending === undefined ? "live" : "ended";
  }

  get ending(): Ending | undefined {
    return this.#ending ?? this.#track?.ending;
  }

  get ready(): Promise<void> {
    this.#ready ??= new Promise((resolve, reject) => {
      this.#settleReady = () => (this.#track === undefined ? reject(this.#refusal()) : resolve());
      if (this.state !== "requested") this.#settleReady();
    });
    return this.#ready;
  }

  get priority(): number {
    return this.#track?.priority ?? 128;
  }

  get order(): GroupOrder {
    return this.#track?.order ?? "ascending";
  }

  get deliveryTimeoutMs(): number | undefined {
    return this.#track?.deliveryTimeoutMs;
  }

  get maxCacheDurationMs(): number | undefined {
    return this.#track?.maxCacheDurationMs;
  }

  get largest(): Location | undefined {
    return this.#track?.largest;
  }

  get schedule(): Schedule {
    return this.#owner.schedule;
  }

  /** The track behind it. */
  get track(): Track | undefined {
    return this.#track;
  }

  subscribe(options: SubscriptionOptions): TrackSubscription {
    if (this.state === "requested") throw new ModelError("track-not-ready");
    if (this.#track === undefined) throw this.#refusal();
    if (this.#ending !== undefined) throw new ModelError("closed", this.#ending.reason);
    return this.#track.subscribe(options, this.#subscriptions);
  }

  groups(options: ReadOptions = {}): AsyncGenerator<GroupReader, void, undefined> {
    return readGroups(this, options);
  }

  objects(options: ReadOptions = {}): AsyncGenerator<WholeObject, void, undefined> {
    return readObjects(this, options);
  }

  datagrams(options: ReadOptions = {}): AsyncGenerator<Datagram, void, undefined> {
    return readDatagrams(this, options);
  }

  close(): void {
    const first = this.#ending === undefined;
    this.#ending ??= ending("closed");
    for (const subscription of [...this.#subscriptions]) subscription.close();
    if (first) this.#left();
  }

  /** The publisher answered: here is the track. */
  accept(track: Track): void {
    this.#track = track;
    track.consumerJoined();
    this.#answered();
  }

  /** The answer is no, or there is nobody to ask. */
  refuse(how: Ending): void {
    if (this.state !== "requested") return;
    this.#ending = how;
    this.#answered();
    this.#left();
  }

  /** Ends it although the track goes on: its subscriptions end, readers handed out may be read on. */
  end(how: Ending): void {
    if (this.#track === undefined) this.refuse(how);
    if (this.#ending !== undefined) return;
    this.#ending = how;
    for (const subscription of [...this.#subscriptions]) subscription.end(how);
    this.#left();
  }

  #left(): void {
    this.#track?.consumerLeft();
    this.#owner.consumerLeft(this);
    if (this.#track === undefined) this.#settleReady?.();
  }

  #answered(): void {
    call(this.onAnswer);
    this.#settleReady?.();
  }

  #refusal(): ModelError {
    const how = this.#ending ?? ending("closed");
    const codes: Partial<Record<Ending["code"], ModelErrorCode>> = {
      rejected: "track-rejected",
      "not-found": "track-not-found",
    };
    return new ModelError(codes[how.code] ?? "closed", `Track ${this.name}: ${how.reason}`, how.wireCode);
  }
}
