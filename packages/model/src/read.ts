/**
 * Async conveniences for programs: loops over groups, objects and chunks of a track. They sit on top of the callbacks of
 * `subscription.ts`; a session, which fills packets, uses those directly.
 */
import type { Consumer } from "./consumer.ts";
import type { Datagram } from "./datagram.ts";
import type { DropReason, Ending } from "./ending.ts";
import { ModelError } from "./errors.ts";
import { ObjectStatus } from "./object.ts";
import type { Reader, SubgroupReader } from "./reader.ts";
import type { SubscriptionListener, SubscriptionStart, TrackSubscription } from "./subscription.ts";
import type { Track } from "./track.ts";
import { Waker, within } from "./waker.ts";

export interface ReadOptions {
  /** Default "newest-group". */
  readonly start?: SubscriptionStart | undefined;
  /** Last group, inclusive. Default: none. */
  readonly endGroup?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for the publisher's answer, and for each next thing, in milliseconds. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Called for each group that the cache dropped before it was read. */
  readonly onDropped?: ((group: number, reason: DropReason) => void) | undefined;
}

/** A group in a loop. */
export interface GroupReader {
  readonly id: number;
  /** Set when the cache dropped it before it was read. */
  readonly dropped: DropReason | undefined;
  /**
   * Its objects as they begin: ascending ids where several are there, else in order of arrival. It ends when its
   * subgroups have ended and the producer finished it, a newer group began or the track ended. A subgroup that opens
   * later makes the group appear again in `groups()`.
   * @throws ModelError `group-dropped`, `read-timeout`; the signal's reason.
   */
  objects(): AsyncGenerator<ObjectReader, void, undefined>;
}

/** An object in a loop, valid until the loop moves on; what was not read of it is skipped. */
export interface ObjectReader {
  readonly group: number;
  readonly subgroup: number;
  readonly id: number;
  readonly priority: number;
  readonly status: ObjectStatus;
  readonly sizeBytes: number;
  readonly extensions: Uint8Array;
  /** Its payload as it arrives. @throws ModelError `closed` when the publisher left it incomplete; as `objects()`. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
  /** All of its payload (that `chunks` did not give). */
  payload(): Promise<Uint8Array>;
}

export interface WholeObject {
  readonly group: number;
  readonly subgroup: number;
  readonly id: number;
  readonly priority: number;
  readonly status: ObjectStatus;
  readonly extensions: Uint8Array;
  readonly payload: Uint8Array;
}

const maxChunkBytes = 65_536;
const maxQueuedDatagrams = 256;

/** See `TrackConsumer.groups`. @internal */
export async function* readGroups(
  consumer: Consumer,
  options: ReadOptions,
): AsyncGenerator<GroupReader, void, undefined> {
  const reading = new GroupReading(await liveTrack(consumer, options), consumer, options);
  let left = true;
  try {
    for (let group = await reading.next(); group !== undefined; group = await reading.next()) yield group;
    left = false;
  } finally {
    // At the natural end, groups handed out before may still be read.
    if (left) reading.close();
  }
}

/** See `TrackConsumer.objects`. @internal */
export async function* readObjects(
  consumer: Consumer,
  options: ReadOptions,
): AsyncGenerator<WholeObject, void, undefined> {
  for await (const group of readGroups(consumer, options)) {
    try {
      for await (const object of group.objects()) {
        const payload = await wholePayload(object);
        if (payload === undefined) continue;
        const { subgroup, id, priority, status, extensions } = object;
        yield { group: group.id, subgroup, id, priority, status, extensions, payload };
      }
    } catch (error) {
      if (!(error instanceof ModelError && error.code === "group-dropped")) throw error;
    }
  }
}

/** See `TrackConsumer.datagrams`. @internal */
export async function* readDatagrams(
  consumer: Consumer,
  options: ReadOptions,
): AsyncGenerator<Datagram, void, undefined> {
  const track = await liveTrack(consumer, options);
  const waker = new Waker();
  const queue: Datagram[] = [];
  let ended: Ending | undefined;
  const subscription = subscribe(consumer, options, {
    subgroup: (reader) => reader.close(),
    datagram: (datagram) => {
      if (queue.push(datagram) > maxQueuedDatagrams) queue.shift();
      waker.wake();
    },
    ended: (how) => {
      ended = how;
      waker.wake();
    },
  });
  try {
    for (;;) {
      const datagram = queue.shift();
      if (datagram !== undefined) yield datagram;
      else if (ended !== undefined) return throwUnlessOrderly(ended);
      else await waker.wait(options, track.cache.schedule);
    }
  } finally {
    subscription.close();
  }
}

/** The groups of one loop, and what wakes it. */
class GroupReading {
  readonly track: Track;
  readonly options: ReadOptions;
  readonly #waker = new Waker();
  readonly #subscription: TrackSubscription;
  /** Groups that still take subgroups. */
  readonly #groups = new Map<number, ReadGroup>();
  /** Those that the loop has not seen. */
  #queue: ReadGroup[] = [];
  #ended: Ending | undefined;

  constructor(track: Track, consumer: Consumer, options: ReadOptions) {
    this.track = track;
    this.options = options;
    this.#subscription = subscribe(consumer, options, {
      subgroup: (reader) => this.#add(reader),
      dropped: (id, reason) => this.#drop(id, reason),
      ended: (how) => {
        this.#ended = how;
        this.#waker.wake();
      },
    });
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  async next(): Promise<GroupReader | undefined> {
    for (;;) {
      const group = this.#queue.shift();
      if (group !== undefined) return group;
      if (this.#ended !== undefined) {
        throwUnlessOrderly(this.#ended);
        return undefined;
      }
      await this.wait();
    }
  }

  wait(): Promise<void> {
    return this.#waker.wait(this.options, this.track.cache.schedule);
  }

  /** The group takes no more subgroups: one that comes later makes it appear anew. */
  forget(group: ReadGroup): void {
    if (this.#groups.get(group.id) === group) this.#groups.delete(group.id);
  }

  close(): void {
    this.#subscription.close();
  }

  #add(reader: SubgroupReader): void {
    let group = this.#groups.get(reader.group);
    if (group === undefined) {
      group = new ReadGroup(this, reader.group);
      this.#groups.set(reader.group, group);
      this.#queue.push(group);
    }
    reader.onProgress = () => this.#waker.wake();
    group.add(reader as Reader);
    this.#waker.wake();
  }

  #drop(id: number, reason: DropReason): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.dropped = reason;
    this.#groups.delete(id);
    this.#queue = this.#queue.filter((queued) => queued !== group);
    this.options.onDropped?.(id, reason);
    this.#waker.wake();
  }
}

class ReadGroup implements GroupReader {
  readonly id: number;
  dropped: DropReason | undefined;
  readonly #reading: GroupReading;
  #readers: Reader[] = [];

  constructor(reading: GroupReading, id: number) {
    this.#reading = reading;
    this.id = id;
  }

  add(reader: Reader): void {
    this.#readers.push(reader);
  }

  async *objects(): AsyncGenerator<ObjectReader, void, undefined> {
    try {
      for (;;) {
        this.check();
        const reader = this.#lowest();
        if (reader !== undefined) {
          yield new ReadObject(this, reader);
          await this.#finishObject(reader);
        } else if (this.#over()) return;
        else await this.wait();
      }
    } finally {
      this.#reading.forget(this);
      for (const reader of this.#readers) reader.close();
      this.#readers = [];
    }
  }

  wait(): Promise<void> {
    return this.#reading.wait();
  }

  check(): void {
    if (this.dropped === undefined) return;
    throw new ModelError("group-dropped", `The cache dropped group ${this.id} (${this.dropped}) before it was read.`);
  }

  /** Moves past the object; one that the publisher left incomplete ends its subgroup. */
  async #finishObject(reader: Reader): Promise<void> {
    while (!reader.next()) {
      this.check();
      if (reader.state !== "open") {
        reader.close();
        this.#readers = this.#readers.filter((other) => other !== reader);
        return;
      }
      await this.wait();
    }
  }

  #lowest(): Reader | undefined {
    let lowest: Reader | undefined;
    for (const reader of this.#readers) {
      if (reader.hasObject && (lowest === undefined || reader.objectId < lowest.objectId)) lowest = reader;
    }
    return lowest;
  }

  /** Called when no reader has an object. */
  #over(): boolean {
    if (this.#readers.some((reader) => reader.state === "open")) return false;
    return (
      this.#reading.hasEnded ||
      this.#reading.track.newestGroup > this.id ||
      this.#readers.some((reader) => reader.source.parent.isBounded || (reader.endOfGroup && reader.done))
    );
  }
}

class ReadObject implements ObjectReader {
  readonly group: number;
  readonly subgroup: number;
  readonly id: number;
  readonly priority: number;
  readonly status: ObjectStatus;
  readonly sizeBytes: number;
  readonly extensions: Uint8Array;
  readonly #parent: ReadGroup;
  readonly #reader: Reader;

  constructor(parent: ReadGroup, reader: Reader) {
    this.#parent = parent;
    this.#reader = reader;
    this.group = reader.group;
    this.subgroup = reader.subgroup;
    this.id = reader.objectId;
    this.priority = reader.priority;
    this.status = reader.objectStatus;
    this.sizeBytes = reader.objectSizeBytes;
    this.extensions = reader.objectExtensions();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = this.#reader;
    for (;;) {
      this.#parent.check();
      if (!reader.hasObject || reader.objectId !== this.id) {
        throw new ModelError("closed", `Object ${this.id} was passed; read an object before the loop moves on.`);
      }
      if (reader.positionBytes === this.sizeBytes) return;
      const available = Math.min(reader.availableBytes, maxChunkBytes);
      if (available > 0) {
        const chunk = new Uint8Array(available);
        reader.read(chunk, 0, available);
        yield chunk;
      } else if (reader.state !== "open") {
        throw new ModelError("closed", `The publisher left object ${this.id} incomplete.`, reader.resetCode);
      } else await this.#parent.wait();
    }
  }

  async payload(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks()) {
      chunks.push(chunk);
      size += chunk.length;
    }
    if (chunks.length === 1) return chunks[0] as Uint8Array;
    const payload = new Uint8Array(size);
    let offset = 0;
    for (const chunk of chunks) {
      payload.set(chunk, offset);
      offset += chunk.length;
    }
    return payload;
  }
}

/** Undefined for an object that the publisher left incomplete. */
async function wholePayload(object: ObjectReader): Promise<Uint8Array | undefined> {
  if (object.status !== ObjectStatus.normal) return new Uint8Array(0);
  try {
    return await object.payload();
  } catch (error) {
    if (error instanceof ModelError && error.code === "closed") return undefined;
    throw error;
  }
}

async function liveTrack(consumer: Consumer, options: ReadOptions): Promise<Track> {
  if (consumer.track === undefined) await within(consumer.ready, options, consumer.schedule, "request-timeout");
  return consumer.track as Track;
}

function subscribe(consumer: Consumer, options: ReadOptions, listener: SubscriptionListener): TrackSubscription {
  return consumer.subscribe({ start: options.start, endGroup: options.endGroup, listener });
}

function throwUnlessOrderly(how: Ending): void {
  if (how.code !== "aborted" && how.code !== "replaced") return;
  throw new ModelError("closed", how.reason, how.wireCode);
}
