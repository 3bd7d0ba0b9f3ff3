/** What the tests share: a broadcast on virtual time, and a listener that reads everything as it comes. */
import { VirtualClock } from "@moqingbird/testing";
import {
  BroadcastProducer,
  Cache,
  type CacheOptions,
  type Datagram,
  type DropReason,
  type Ending,
  type SubgroupReader,
  type SubscriptionListener,
} from "../src/index.ts";

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export interface Stage {
  readonly clock: VirtualClock;
  readonly cache: Cache;
  readonly broadcast: BroadcastProducer;
}

export function stage(options: CacheOptions = {}): Stage {
  const clock = new VirtualClock();
  const cache = new Cache({ now: clock.now, schedule: clock.schedule, ...options });
  return { clock, cache, broadcast: new BroadcastProducer({ cache }) };
}

export interface SeenObject {
  readonly id: number;
  readonly status: number;
  readonly extensions: string;
  payload: string;
  complete: boolean;
}

/** One subgroup as a reader saw it. */
export class SeenSubgroup {
  readonly reader: SubgroupReader;
  readonly objects: SeenObject[] = [];

  constructor(reader: SubgroupReader) {
    this.reader = reader;
  }

  /** Reads what is there, at most `max` payload bytes, in pieces of 7 to cross block borders. */
  read(max = Number.POSITIVE_INFINITY): void {
    const { reader } = this;
    const piece = new Uint8Array(7);
    while (reader.hasObject) {
      let object = this.objects.at(-1);
      if (object === undefined || object.complete) {
        const extensions = new TextDecoder().decode(reader.objectExtensions());
        object = { id: reader.objectId, status: reader.objectStatus, extensions, payload: "", complete: false };
        this.objects.push(object);
      }
      const count = reader.read(piece, 0, Math.min(piece.length, max));
      max -= count;
      object.payload += String.fromCharCode(...piece.subarray(0, count));
      if (count > 0) continue;
      if (reader.availableBytes > 0 || !reader.next()) return;
      object.complete = true;
    }
  }
}

/** A viewer: everything it was told, in order. With `slow`, it reads only when asked. */
export class Viewer implements SubscriptionListener {
  readonly subgroups: SeenSubgroup[] = [];
  readonly datagrams: Datagram[] = [];
  readonly drops: { group: number; reason: DropReason }[] = [];
  readonly endings: Ending[] = [];
  readonly #slow: boolean;

  constructor(options: { slow?: boolean } = {}) {
    this.#slow = options.slow ?? false;
  }

  subgroup(reader: SubgroupReader): void {
    const seen = new SeenSubgroup(reader);
    this.subgroups.push(seen);
    if (this.#slow) return;
    reader.onProgress = () => this.#read(seen);
    this.#read(seen);
  }

  datagram(datagram: Datagram): void {
    this.datagrams.push(datagram);
  }

  dropped(group: number, reason: DropReason): void {
    this.drops.push({ group, reason });
  }

  ended(ending: Ending): void {
    this.endings.push(ending);
  }

  /** Group ids in the order they appeared. */
  get groups(): number[] {
    return [...new Set(this.subgroups.map((seen) => seen.reader.group))];
  }

  /** All complete payloads in the order of their subgroups. */
  get payloads(): string[] {
    return this.subgroups.flatMap((seen) => seen.objects.filter((object) => object.complete)).map((o) => o.payload);
  }

  #read(seen: SeenSubgroup): void {
    seen.read();
    if (seen.reader.done || seen.reader.state === "reset") seen.reader.close();
  }
}
