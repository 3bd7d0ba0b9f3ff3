/**
 * Subgroup readers: a cursor over the objects of one subgroup. Reading copies from the store into the caller's buffer; a
 * reader holds no bytes of its own, so a slow one costs nothing and loses the group when the cache drops it.
 */
import type { DropReason } from "./ending.ts";
import { type ObjectInfo, ObjectStatus } from "./object.ts";
import type { Subgroup } from "./subgroup.ts";
import type { Subscription } from "./subscription.ts";

/** Reads one subgroup. No call but `object` and `objectExtensions` allocates. */
export interface SubgroupReader {
  readonly group: number;
  readonly subgroup: number;
  /** Publisher priority, 0 (most urgent) to 255. */
  readonly priority: number;
  /** The last object before the FIN is the group's last. */
  readonly endOfGroup: boolean;
  /** Objects may carry extension headers. */
  readonly extensions: boolean;
  /**
   * The producer's side: "finished" and "reset" mean that nothing follows what is stored, which may be read on.
   * When the cache dropped the group the state is "reset", `dropped` tells why, and nothing is readable any more.
   */
  readonly state: "open" | "finished" | "reset";
  /** The raw code the producer gave to `reset`; undefined when the track was aborted or the cache dropped the group. */
  readonly resetCode: number | undefined;
  readonly dropped: DropReason | undefined;
  /** The cursor passed the last object of a finished subgroup: send the FIN. */
  readonly done: boolean;

  /** An object stands at the cursor. The seven members below describe it, and are 0 or "normal" where there is none. */
  readonly hasObject: boolean;
  readonly objectId: number;
  readonly objectSizeBytes: number;
  readonly objectStatus: ObjectStatus;
  readonly extensionBytes: number;
  /** How long ago the object began to arrive, in milliseconds, at most one too many. */
  readonly objectAgeMs: number;
  /** Payload bytes of the object already read. */
  readonly positionBytes: number;
  /** Payload bytes of the object that are stored and not yet read. */
  readonly availableBytes: number;

  /** Bytes of the whole subgroup (payload and extensions) that are stored and not yet read. */
  readonly unreadBytes: number;
  /** Copies up to `max` payload bytes at the cursor to `target[offset..]`, moves past them and returns the count (0: wait). */
  read(target: Uint8Array, offset: number, max: number): number;
  /** Copies the object's raw extension headers to `target[offset..]` and returns their size. */
  copyExtensions(target: Uint8Array, offset: number): number;
  /** The object's raw extension headers, as a copy. */
  objectExtensions(): Uint8Array;
  /**
   * Moves to the next object, skipping what was not read of this one. False, without moving, while this object's payload
   * is not stored in full or no object stands at the cursor.
   */
  next(): boolean;

  /** Objects begun so far, counted from the first stored one. */
  readonly objectCount: number;
  /** The object at an index, independent of the cursor. */
  object(index: number): ObjectInfo | undefined;

  /**
   * Called when there may be more to read, or the state changed. It can come more often than needed, and must be cheap.
   * One slot, owned by whoever reads.
   */
  onProgress: (() => void) | undefined;
  /** Ends reading: nothing is called or readable any more and the reader stops counting as backlog. `done` keeps its value. */
  close(): void;
}

/** A cursor: an object's index, and how much of its payload was taken. @internal */
export class Reader implements SubgroupReader {
  readonly source: Subgroup;
  readonly subscription: Subscription;
  onProgress: (() => void) | undefined;
  /** Its place in the subgroup's list of readers, so that leaving costs the same for the last viewer as for the only one. */
  slot = 0;
  /** Objects below this id are passed over: the subscription starts inside the group. 0 once the first was reached. */
  #firstId: number;
  #index = 0;
  #takenBytes = 0;
  /** Everything in the log before this was read or passed over. */
  #consumedBytes = 0;
  #block = 0;
  #open = true;
  /** What `done` was when the reader left; the store may be cleared since. */
  #done = false;
  #dropped: DropReason | undefined;

  constructor(source: Subgroup, subscription: Subscription, firstId: number) {
    this.source = source;
    this.subscription = subscription;
    this.#firstId = firstId;
    source.attach(this);
    subscription.backlogChanged(source.store.lengthBytes);
    this.#passOver();
  }

  get group(): number {
    return this.source.parent.id;
  }

  get subgroup(): number {
    return this.source.id;
  }

  get priority(): number {
    return this.source.priority;
  }

  get endOfGroup(): boolean {
    return this.source.endOfGroup;
  }

  get extensions(): boolean {
    return this.source.extensions;
  }

  get state(): "open" | "finished" | "reset" {
    return this.#dropped === undefined ? this.source.state : "reset";
  }

  get resetCode(): number | undefined {
    return this.source.resetCode;
  }

  get dropped(): DropReason | undefined {
    return this.#dropped;
  }

  get done(): boolean {
    return this.#open ? this.source.state === "finished" && this.#index >= this.source.store.count : this.#done;
  }

  get hasObject(): boolean {
    return this.#open && this.#index < this.source.store.count && this.#firstId === 0;
  }

  get objectId(): number {
    return this.hasObject ? this.source.store.id(this.#index) : 0;
  }

  get objectSizeBytes(): number {
    return this.hasObject ? this.source.store.sizeBytes(this.#index) : 0;
  }

  get objectStatus(): ObjectStatus {
    return this.hasObject ? this.source.store.status(this.#index) : ObjectStatus.normal;
  }

  get extensionBytes(): number {
    return this.hasObject ? this.source.store.extensionBytes(this.#index) : 0;
  }

  get objectAgeMs(): number {
    return this.hasObject ? this.source.store.ageMs(this.#index) : 0;
  }

  get positionBytes(): number {
    return this.#takenBytes;
  }

  get availableBytes(): number {
    if (!this.hasObject) return 0;
    const { store } = this.source;
    return Math.min(store.end(this.#index), store.lengthBytes) - this.#payloadPosition();
  }

  get unreadBytes(): number {
    return this.#open ? this.source.store.lengthBytes - this.#consumedBytes : 0;
  }

  get objectCount(): number {
    return this.source.store.count;
  }

  object(index: number): ObjectInfo | undefined {
    return this.source.store.info(index);
  }

  read(target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, this.availableBytes);
    if (count <= 0) return 0;
    const position = this.#payloadPosition();
    this.#block = this.source.store.copy(position, target, offset, count, this.#block);
    this.#takenBytes += count;
    this.#consume(position + count);
    return count;
  }

  copyExtensions(target: Uint8Array, offset: number): number {
    const count = this.extensionBytes;
    if (count > 0) {
      const position = this.source.store.start(this.#index);
      this.#block = this.source.store.copy(position, target, offset, count, this.#block);
    }
    return count;
  }

  objectExtensions(): Uint8Array {
    const bytes = new Uint8Array(this.extensionBytes);
    this.copyExtensions(bytes, 0);
    return bytes;
  }

  next(): boolean {
    if (!this.hasObject || this.source.store.lengthBytes < this.source.store.end(this.#index)) return false;
    this.#step();
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#leave();
    this.source.detach(this);
    this.subscription.readerClosed(this);
  }

  /** Bytes were stored. */
  arrived(bytes: number): void {
    this.subscription.backlogChanged(bytes);
    if (this.#firstId > 0) this.#passOver();
  }

  /** The group is dropped: true if this reader misses some of it. The subgroup has already forgotten the reader. */
  cut(reason: DropReason): boolean {
    const complete = this.source.state !== "open" && this.#index >= this.source.store.count;
    if (complete) return false;
    this.#leave();
    this.#dropped = reason;
    return true;
  }

  #leave(): void {
    this.#done = this.done;
    this.subscription.backlogChanged(-this.unreadBytes);
    this.#open = false;
  }

  #payloadPosition(): number {
    return this.source.store.start(this.#index) + this.source.store.extensionBytes(this.#index) + this.#takenBytes;
  }

  #step(): void {
    this.#consume(this.source.store.end(this.#index));
    this.#index++;
    this.#takenBytes = 0;
  }

  #consume(position: number): void {
    const bytes = position - this.#consumedBytes;
    this.#consumedBytes = position;
    if (this.#open) this.subscription.backlogChanged(-bytes);
  }

  /** Passes over stored objects before the start; an object is left once all of it is stored, as its log position counts. */
  #passOver(): void {
    const { store } = this.source;
    while (this.#firstId > 0 && this.#index < store.count) {
      if (store.id(this.#index) >= this.#firstId) this.#firstId = 0;
      else if (store.lengthBytes >= store.end(this.#index)) this.#step();
      else return;
    }
  }
}
