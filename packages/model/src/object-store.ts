/**
 * Storage of one subgroup's objects: a log of bytes in blocks (each object's extension headers, then its payload) and one
 * row of five numbers per object. Tiny objects share blocks, so a million of them costs rows, not a million buffers.
 * What it holds is charged to the cache before it is allocated.
 */
import { blockSize } from "./block-pool.ts";
import type { Holding } from "./cache.ts";
import type { ObjectInfo, ObjectStatus } from "./object.ts";

/** Largest block. Smaller ones are used while a subgroup is small: a block is at most what was written, what is declared, or 4 KiB. */
export const maxBlockBytes = 65_536;
const firstBlockBytes = 4096;

/** Charged per block beside its bytes: the typed array, its buffer and its place in the list. */
export const blockOverheadBytes = 1536;

/** Charged per object: five numbers with the slack of a growing array. */
export const objectOverheadBytes = 180;

/** Below this a byte loop beats making a view to copy from. */
const loopBytes = 48;

const none: number[] = [];
const columns = 5;
const idColumn = 0;
const extensionColumn = 1;
const endColumn = 2;
const statusColumn = 3;
const timeColumn = 4;

export class ObjectStore {
  /** Bytes in the log. Stays as it was when the store is cleared, so that positions in it keep their meaning. */
  lengthBytes = 0;
  readonly #holding: Holding;
  /** Arrays begin at the size of their first content: pushing to an empty one reserves room for seventeen. */
  #rows: number[] | undefined;
  #blocks: Uint8Array[] | undefined;
  /** Where in the log each block begins. */
  #starts: number[] = none;
  #roomBytes = 0;

  /** @param holding who is charged: the group. */
  constructor(holding: Holding) {
    this.#holding = holding;
  }

  get count(): number {
    return this.#rows === undefined ? 0 : this.#rows.length / columns;
  }

  /** Adds an object's row and its extension headers. False when the cache dropped the group instead. */
  begin(id: number, sizeBytes: number, status: ObjectStatus, extensions: Uint8Array | undefined): boolean {
    if (!this.#charge(objectOverheadBytes)) return false;
    const extensionBytes = extensions === undefined ? 0 : extensions.length;
    const end = this.lengthBytes + extensionBytes + sizeBytes;
    if (extensions !== undefined && !this.append(extensions, 0, extensionBytes, sizeBytes)) return false;
    // Whole milliseconds, so that the array keeps to small integers.
    const began = Math.floor(this.#holding.track.cache.now());
    if (this.#rows === undefined) this.#rows = [id, extensionBytes, end, status, began];
    else this.#rows.push(id, extensionBytes, end, status, began);
    return true;
  }

  /**
   * Appends to the log. `expectedBytes` are known to follow. False when the cache dropped the group instead.
   * The new length shows when all is written: making room can call back into readers, of this subgroup too.
   */
  append(bytes: Uint8Array, start: number, end: number, expectedBytes: number): boolean {
    let length = this.lengthBytes;
    while (start < end) {
      if (this.#roomBytes === 0 && !this.#grow(length, end - start, expectedBytes)) return false;
      const blocks = this.#blocks as Uint8Array[];
      const block = blocks[blocks.length - 1] as Uint8Array;
      const count = Math.min(end - start, this.#roomBytes);
      copy(bytes, start, start + count, block, block.length - this.#roomBytes);
      this.#roomBytes -= count;
      length += count;
      start += count;
    }
    this.lengthBytes = length;
    return true;
  }

  /** Copies `count` stored bytes from a position of the log. Returns the block it ended in, a hint for the next call. */
  copy(position: number, target: Uint8Array, offset: number, count: number, hint: number): number {
    const blocks = this.#blocks;
    if (blocks === undefined) return 0;
    let index = Math.min(hint, blocks.length - 1);
    while (index > 0 && (this.#starts[index] as number) > position) index--;
    while (count > 0) {
      const block = blocks[index] as Uint8Array;
      const from = position - (this.#starts[index] as number);
      if (from >= block.length) {
        index++;
        continue;
      }
      const part = Math.min(count, block.length - from);
      copy(block, from, from + part, target, offset);
      position += part;
      offset += part;
      count -= part;
    }
    return index;
  }

  id(index: number): number {
    return this.#cell(index, idColumn);
  }

  status(index: number): ObjectStatus {
    return this.#cell(index, statusColumn) as ObjectStatus;
  }

  /** How long ago the object began, in milliseconds, at most one too many. */
  ageMs(index: number): number {
    return this.#holding.track.cache.now() - this.#cell(index, timeColumn);
  }

  extensionBytes(index: number): number {
    return this.#cell(index, extensionColumn);
  }

  /** Where in the log the object begins, with its extension headers. Right for the index after the last, too. */
  start(index: number): number {
    return index === 0 ? 0 : this.#cell(index - 1, endColumn);
  }

  /** Where in the log the object ends once all of it is stored. */
  end(index: number): number {
    return this.#cell(index, endColumn);
  }

  sizeBytes(index: number): number {
    return this.end(index) - this.start(index) - this.extensionBytes(index);
  }

  info(index: number): ObjectInfo | undefined {
    if (!(index >= 0 && index < this.count)) return undefined;
    const extensionBytes = this.extensionBytes(index);
    const sizeBytes = this.sizeBytes(index);
    const stored = this.lengthBytes - this.start(index) - extensionBytes;
    return {
      id: this.id(index),
      sizeBytes,
      receivedBytes: Math.min(stored, sizeBytes),
      status: this.status(index),
      extensionBytes,
    };
  }

  /** Lets go of everything, and gives the blocks back; the charges are the caller's to release. */
  clear(): void {
    const { pool } = this.#holding.track.cache;
    for (const block of this.#blocks ?? []) pool.give(block);
    this.#rows = undefined;
    this.#blocks = undefined;
    this.#starts = none;
    this.#roomBytes = 0;
  }

  #cell(index: number, column: number): number {
    return (this.#rows as number[])[index * columns + column] as number;
  }

  #charge(bytes: number): boolean {
    return this.#holding.track.cache.charge(this.#holding, bytes);
  }

  /**
   * A declared size is only believed up to 4 KiB: a sender pays for a large block by having sent as much before.
   * Blocks double with the subgroup, so that small ones waste little and large ones have few.
   */
  #grow(lengthBytes: number, neededBytes: number, expectedBytes: number): boolean {
    const believed = Math.min(neededBytes + expectedBytes, firstBlockBytes);
    const { pool } = this.#holding.track.cache;
    const size = blockSize(Math.min(Math.max(neededBytes, believed, lengthBytes), maxBlockBytes));
    // Out of the pool first, so that taking from it makes the room that is charged next.
    const pooled = pool.take(size);
    if (!this.#charge(size + blockOverheadBytes)) {
      if (pooled !== undefined) pool.give(pooled);
      return false;
    }
    const block = pooled ?? new Uint8Array(size);
    if (this.#blocks === undefined) {
      this.#blocks = [block];
      this.#starts = [lengthBytes];
    } else {
      this.#blocks.push(block);
      this.#starts.push(lengthBytes);
    }
    this.#roomBytes = size;
    return true;
  }
}

function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): void {
  if (end - start <= loopBytes) {
    for (let i = start; i < end; i++) target[offset++] = source[i] as number;
  } else if (start === 0 && end === source.length) {
    target.set(source, offset);
  } else {
    target.set(source.subarray(start, end), offset);
  }
}
