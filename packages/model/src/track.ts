/** Tracks: a sequence of groups, written by one producer, read by any number of consumers. */
import type { DatagramOptions } from "./datagram.ts";
import type { Ending } from "./ending.ts";
import type { GroupProducer } from "./group.ts";
import type { Location } from "./location.ts";
import type { TrackName } from "./namespace.ts";

/** In which order groups go first when they compete; a preference for the sender, the model keeps all. */
export type GroupOrder = "ascending" | "descending";

export interface TrackOptions {
  /** Publisher priority of subgroups that name none, 0 (most urgent) to 255. Default 128. */
  readonly priority?: number | undefined;
  /** Default "ascending". */
  readonly order?: GroupOrder | undefined;
  /** Longest time a finished group that is not the newest stays readable, in milliseconds. Default: the cache's. `Infinity`: until the budget needs the room. */
  readonly retentionMs?: number | undefined;
  /** Datagrams kept for subscribers that join late. Default 64; 0 keeps none. */
  readonly maxDatagrams?: number | undefined;
  /** The largest location the publisher announced (SUBSCRIBE_OK), for a track that continues elsewhere. */
  readonly largest?: Location | undefined;
}

export interface TrackProducer {
  readonly name: TrackName;
  readonly priority: number;
  readonly order: GroupOrder;
  /** The largest location begun or announced. */
  readonly largest: Location | undefined;
  /** Open track consumers. */
  readonly subscribers: number;
  readonly used: boolean;
  /** Called when the first consumer comes (also after all had left), and when the last one left. One slot each, owned by the producer's owner. */
  onUsed: (() => void) | undefined;
  onUnused: (() => void) | undefined;
  /** Bytes of the slowest subscription's backlog. */
  readonly backlogBytes: number;
  readonly ending: Ending | undefined;

  /** The group of an id, created on first use; ids need not ascend. @throws ModelError `closed`, `option-invalid`, `malformed-track`. */
  group(id: number): GroupProducer;
  /** Opens the group after the largest. */
  appendGroup(): GroupProducer;
  /** Publishes an object as a datagram. @throws ModelError `closed`, `option-invalid`, `malformed-track`. */
  datagram(options: DatagramOptions): void;
  /** Resolves when no subscription has more than `maxBacklogBytes` unread, or the track ended: back-pressure for publishers of files. */
  drained(maxBacklogBytes: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Nothing new begins; subgroups that are open may still be written to their end. */
  finish(): void;
  /** Gives up: open subgroups are reset with the code, subscriptions end with it. */
  abort(wireCode: number, reason?: string): void;
}
