/** Track consumers: one reader's hold on a track, asked for if nobody had made it. Open ones are the track's demand. */
import type { Ending } from "./ending.ts";
import type { Location } from "./location.ts";
import type { TrackName } from "./namespace.ts";
import type { SubscriptionOptions, TrackSubscription } from "./subscription.ts";
import type { GroupOrder } from "./track.ts";

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
  /** The largest location published or announced by the publisher. */
  readonly largest: Location | undefined;
  /** Called once when the request was answered (state "live" or "rejected"), before `ready` settles. Not called if it was answered already. */
  onAnswer: (() => void) | undefined;
  /** @throws ModelError `track-not-ready` while requested; `closed` or `track-rejected` afterwards. An ended track replays what is stored, then ends. */
  subscribe(options: SubscriptionOptions): TrackSubscription;
  /** Leaves: closes its subscriptions; the last consumer's leaving makes the track unused. */
  close(): void;
}
