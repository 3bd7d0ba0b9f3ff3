/**
 * Subgroup readers: a cursor over the objects of one subgroup. Reading copies from the store into the caller's buffer; a
 * reader holds no bytes of its own, so a slow one costs nothing and loses the group when the cache drops it.
 */
import type { DropReason } from "./ending.ts";
import type { ObjectInfo, ObjectStatus } from "./object.ts";

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
  /** The raw code the producer gave to `reset`. */
  readonly resetCode: number | undefined;
  readonly dropped: DropReason | undefined;
  /** The cursor passed the last object of a finished subgroup: send the FIN. */
  readonly done: boolean;

  /** An object stands at the cursor. The six members below describe it, and are 0 or "normal" where there is none. */
  readonly hasObject: boolean;
  readonly objectId: number;
  readonly objectSizeBytes: number;
  readonly objectStatus: ObjectStatus;
  readonly extensionBytes: number;
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
  /** Ends reading: nothing is called any more and the reader stops counting as backlog. */
  close(): void;
}
