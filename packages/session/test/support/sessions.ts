/** Two sessions over an in-memory pair and one virtual clock, and small readers of what arrives. */

import { Cache, type TrackConsumer } from "@moqingbird/model";
import {
  createTransportPair,
  settle,
  type TransportPair,
  type TransportPairOptions,
  VirtualClock,
} from "@moqingbird/testing";
import { accept, connect, type Session, type SessionOptions } from "../../src/index.ts";

export interface Joined {
  readonly pair: TransportPair;
  readonly clock: VirtualClock;
  readonly client: Session;
  readonly server: Session;
}

export interface JoinOptions {
  readonly client?: SessionOptions;
  readonly server?: SessionOptions;
  readonly transport?: TransportPairOptions;
  readonly clock?: VirtualClock;
}

/** Both sides established. */
export async function join(options: JoinOptions = {}): Promise<Joined> {
  const clock = options.clock ?? new VirtualClock();
  const pair = createTransportPair(options.transport);
  const [server, client] = await Promise.all([
    accept(pair.server, { timers: clock, cache: testCache(clock), ...options.server }),
    connect(pair.client, { timers: clock, cache: testCache(clock), ...options.client }),
  ]);
  await settle();
  return { pair, clock, client, server };
}

export function testCache(clock: VirtualClock, capacityBytes?: number): Cache {
  return new Cache({
    now: clock.now,
    schedule: clock.schedule,
    ...(capacityBytes !== undefined && { capacityBytes }),
  });
}

export interface SeenObject {
  readonly id: number;
  readonly status: number;
  readonly extensions: string;
  readonly payload: string;
}

export interface SeenSubgroup {
  readonly group: number;
  readonly subgroup: number;
  readonly priority: number;
  readonly endOfGroup: boolean;
  readonly objects: SeenObject[];
  /** "open", "finished", "reset CODE" or "dropped WHY". */
  end: string;
}

export interface Seen {
  readonly subgroups: SeenSubgroup[];
  readonly datagrams: { group: number; object: number; priority: number; status: number; payload: string }[];
  ended: string | undefined;
  close(): void;
}

const text = new TextDecoder();

/** Subscribes to a live track and writes down what comes. */
export function watch(track: TrackConsumer, start?: Parameters<TrackConsumer["subscribe"]>[0]["start"]): Seen {
  const seen: Seen = { subgroups: [], datagrams: [], ended: undefined, close: () => track.close() };
  track.subscribe({
    start,
    listener: {
      subgroup(reader) {
        const entry: SeenSubgroup = {
          group: reader.group,
          subgroup: reader.subgroup,
          priority: reader.priority,
          endOfGroup: reader.endOfGroup,
          objects: [],
          end: "open",
        };
        seen.subgroups.push(entry);
        let parts: Uint8Array[] = [];
        const drain = () => {
          while (reader.hasObject) {
            const part = new Uint8Array(reader.availableBytes);
            reader.read(part, 0, part.length);
            parts.push(part);
            if (reader.positionBytes < reader.objectSizeBytes) break;
            const { objectId: id, objectStatus: status } = reader;
            const extensions = Buffer.from(reader.objectExtensions()).toString("hex");
            if (!reader.next()) break;
            entry.objects.push({ id, status, extensions, payload: text.decode(Buffer.concat(parts)) });
            parts = [];
          }
          if (reader.dropped) entry.end = `dropped ${reader.dropped}`;
          else if (reader.state === "reset") entry.end = `reset ${reader.resetCode}`;
          else if (reader.done) entry.end = "finished";
        };
        reader.onProgress = drain;
        drain();
      },
      datagram(datagram) {
        const { group, object, priority, status, payload } = datagram;
        seen.datagrams.push({ group, object, priority, status, payload: text.decode(payload) });
      },
      ended(ending) {
        seen.ended = `${ending.code}${ending.wireCode === undefined ? "" : ` ${ending.wireCode}`}`;
      },
    },
  });
  return seen;
}

export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What a session says of its tables when nothing is left in them. */
export const emptyStats = {
  servedSubscriptions: 0,
  publications: 0,
  peerPrefixes: 0,
  subscriptions: 0,
  announcements: 0,
  prefixes: 0,
  incomingStreams: 0,
  trackAliases: 0,
  earlyBytes: 0,
  pendingRequests: 0,
  openRequests: 0,
  queuedControlBytes: 0,
};
