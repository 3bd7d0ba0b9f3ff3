/**
 * Storage of one subgroup's objects: a log of bytes in blocks (each object's extension headers, then its payload) and one
 * row of four numbers per object. Tiny objects share blocks, so a million of them costs rows, not a million buffers.
 * What it holds is charged to the cache before it is allocated.
 */
import type { Holding } from "./cache.ts";
import type { ObjectInfo, ObjectStatus } from "./object.ts";

/** Largest block. Smaller ones are used while a subgroup is small: a block is at most what was written, what is declared, or 4 KiB. */
export const maxBlockBytes = 65_536;
const firstBlockBytes = 4096;

/** Charged per block beside its bytes: the typed array, its buffer and its place in the list (measured, rounded up). */
export const blockOverheadBytes = 448;

/** Charged per object: four numbers with the slack of a growing array. */
export const objectOverheadBytes = 56;

/** Below this a byte loop beats making a view to copy from. */
const loopBytes = 48;

const columns = 4;
const idColumn = 0;
const extensionColumn = 1;
const endColumn = 2;
const statusColumn = 3;

export class ObjectStore {
  /** Bytes in the log. Stays as it was when the store is cleared, so that positions in it keep their meaning. */
  lengthBytes = 0;
  readonly #holding: Holding;
  #rows: number[] = [];
  #blocks: Uint8Array[] = [];
  /** Where in the log each block begins. */
  #starts: number[] = [];
  #roomBytes = 0;

  /** @param holding who is charged: the group. */
  constructor(holding: Holding) {
    this.#holding = holding;
  }

  get count(): number {
    return this.#rows.length / columns;
  }

  /** Adds an object's row and its extension headers. False when the cache dropped the group instead. */
  begin(id: number, sizeBytes: number, status: ObjectStatus, extensions: Uint8Array | undefined): boolean {
    if (!this.#charge(objectOverheadBytes)) return false;
    const extensionBytes = extensions === undefined ? 0 : extensions.length;
    const end = this.lengthBytes + extensionBytes + sizeBytes;
    if (extensions !== undefined && !this.append(extensions, 0, extensionBytes, sizeBytes)) return false;
    this.#rows.push(id, extensionBytes, end, status);
    return true;
  }

  /** Appends to the log. `expectedBytes` are known to follow. False when the cache dropped the group instead. */
  append(bytes: Uint8Array, start: number, end: number, expectedBytes: number): boolean {
    while (start < end) {
      if (this.#roomBytes === 0 && !this.#grow(end - start, expectedBytes)) return false;
      const block = this.#blocks[this.#blocks.length - 1] as Uint8Array;
      const count = Math.min(end - start, this.#roomBytes);
      copy(bytes, start, start + count, block, block.length - this.#roomBytes);
      this.#roomBytes -= count;
      this.lengthBytes += count;
      start += count;
    }
    return true;
  }

  /** Copies `count` stored bytes from a position of the log. Returns the block it ended in, a hint for the next call. */
  copy(position: number, target: Uint8Array, offset: number, count: number, hint: number): number {
    let index = Math.min(hint, this.#blocks.length - 1);
    while (index > 0 && (this.#starts[index] as number) > position) index--;
    while (count > 0) {
      const block = this.#blocks[index] as Uint8Array;
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
    return this.#rows[index * columns + idColumn] as number;
  }

  status(index: number): ObjectStatus {
    return this.#rows[index * columns + statusColumn] as ObjectStatus;
  }

  extensionBytes(index: number): number {
    return this.#rows[index * columns + extensionColumn] as number;
  }

  /** Where in the log the object begins, with its extension headers. Right for the index after the last, too. */
  start(index: number): number {
    return index === 0 ? 0 : (this.#rows[(index - 1) * columns + endColumn] as number);
  }

  /** Where in the log the object ends once all of it is stored. */
  end(index: number): number {
    return this.#rows[index * columns + endColumn] as number;
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

  /** Lets go of everything; the cache was told by whoever calls. */
  clear(): void {
    this.#rows = [];
    this.#blocks = [];
    this.#starts = [];
    this.#roomBytes = 0;
  }

  #charge(bytes: number): boolean {
    return this.#holding.track.cache.charge(this.#holding, bytes);
  }

  /**
   * A declared size is only believed up to 4 KiB: a sender pays for a large block by having sent as much before.
   * Blocks double with the subgroup, so that small ones waste little and large ones have few.
   */
  #grow(neededBytes: number, expectedBytes: number): boolean {
    const believed = Math.min(neededBytes + expectedBytes, firstBlockBytes);
    const size = Math.min(Math.max(neededBytes, believed, this.lengthBytes), maxBlockBytes);
    if (!this.#charge(size + blockOverheadBytes)) return false;
    this.#blocks.push(new Uint8Array(size));
    this.#starts.push(this.lengthBytes);
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
