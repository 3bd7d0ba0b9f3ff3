/**
 * Blocks that dropped groups gave back, for the next ones. A cache at its bound turns over all of its memory again and
 * again; left to the garbage collector, the blocks on their way out would cost as much again as those in use.
 */

/** Blocks below this are left to the garbage collector. */
const minPooledBytes = 512;

export class BlockPool {
  /** Bytes that wait here. */
  bytes = 0;
  readonly #maxBytes: number;
  readonly #free = new Map<number, Uint8Array[]>();

  /** @param maxBytes most that waits here; what is above goes to the garbage collector. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A waiting block of exactly this size. Its content is whatever it was. */
  take(sizeBytes: number): Uint8Array | undefined {
    const block = this.#free.get(sizeBytes)?.pop();
    if (block !== undefined) this.bytes -= sizeBytes;
    return block;
  }

  /** Takes a block that nobody reads any more. */
  give(block: Uint8Array): void {
    const size = block.length;
    if (size < minPooledBytes || this.bytes + size > this.#maxBytes) return;
    const blocks = this.#free.get(size);
    if (blocks === undefined) this.#free.set(size, [block]);
    else blocks.push(block);
    this.bytes += size;
  }

  /** Lets blocks go until at least `bytes` are free, or none waits. */
  shrink(bytes: number): void {
    for (const [size, blocks] of this.#free) {
      while (bytes > 0 && blocks.pop() !== undefined) {
        bytes -= size;
        this.bytes -= size;
      }
      if (blocks.length === 0) this.#free.delete(size);
      if (bytes <= 0) return;
    }
  }
}

/**
 * The size of the block for so many bytes (1 to 2^30): at most a quarter more, or a multiple of 64, so that few sizes
 * are in use and a block given back fits the next group.
 */
export function blockSize(neededBytes: number): number {
  const step = neededBytes <= 256 ? 64 : 1 << (29 - Math.clz32(neededBytes - 1));
  return Math.ceil(neededBytes / step) * step;
}
