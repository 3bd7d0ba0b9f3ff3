/**
 * ISO base media boxes (ISO/IEC 14496-12, section 4.2): headers, child lists and the top-level splitter for a stream.
 * Pure: no I/O. Every size is checked against its parent and against a limit before a byte is kept.
 */

/** Why an MP4 stream cannot be published; the sentence names the byte where it went wrong. */
export class Mp4Error extends Error {
  override readonly name = "Mp4Error";
  /** Byte offset in the whole stream, or in the box that was handed over. */
  readonly offset: number;
  readonly #what: string;

  constructor(what: string, offset: number) {
    super(`${what} (at byte ${offset})`);
    this.#what = what;
    this.offset = offset;
  }

  /** The same error seen from the buffer that holds this one at `start`. */
  within(start: number): Mp4Error {
    return new Mp4Error(this.#what, start + this.offset);
  }
}

/** One box inside a larger buffer: header at `start`, content from `body` to `end`. */
export interface Box {
  readonly type: string;
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** Longest header this parser meets: size, type and the 64-bit size. */
const largestHeaderBytes = 16;

/** Header of the box at `offset`, or undefined when more bytes are needed to read it. */
export function readBoxHeader(
  bytes: Uint8Array,
  offset: number,
  origin = 0,
): { type: string; headerBytes: number; size: number } | undefined {
  if (bytes.length - offset < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
  let size = view.getUint32(offset);
  let headerBytes = 8;
  if (size === 1) {
    if (bytes.length - offset < largestHeaderBytes) return undefined;
    const large = view.getBigUint64(offset + 8);
    if (large > BigInt(Number.MAX_SAFE_INTEGER)) throw new Mp4Error(`box ${type} is impossibly large`, origin + offset);
    size = Number(large);
    headerBytes = largestHeaderBytes;
  } else if (size === 0) {
    throw new Mp4Error(
      `box ${type} runs to the end of the file; a live stream needs boxes with a size`,
      origin + offset,
    );
  }
  if (size < headerBytes) throw new Mp4Error(`box ${type} is shorter than its own header`, origin + offset);
  return { type, headerBytes, size };
}

/** The boxes between `start` and `end`, in order. A child that leaves its parent is an error. */
export function* boxes(bytes: Uint8Array, start: number, end: number): Generator<Box> {
  for (let at = start; at < end; ) {
    const header = readBoxHeader(bytes.subarray(0, end), at);
    if (header === undefined || at + header.size > end) throw new Mp4Error("box does not fit in its parent", at);
    yield { type: header.type, start: at, body: at + header.headerBytes, end: at + header.size };
    at += header.size;
  }
}

/** First box of the given path below `start`…`end`, or undefined. */
export function findBox(bytes: Uint8Array, start: number, end: number, ...path: readonly string[]): Box | undefined {
  let found: Box | undefined;
  for (const type of path) {
    found = undefined;
    for (const box of boxes(bytes, start, end)) {
      if (box.type === type) {
        found = box;
        break;
      }
    }
    if (found === undefined) return undefined;
    start = found.body;
    end = found.end;
  }
  return found;
}

/**
 * A cursor over one box's fields that never reads past its end: a truncated `tfhd` is an `Mp4Error`, not a RangeError
 * or somebody else's bytes.
 */
export class FieldReader {
  readonly #view: DataView;
  readonly #end: number;
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = end;
    this.at = start;
  }

  get remaining(): number {
    return this.#end - this.at;
  }

  skip(bytes: number): this {
    this.#take(bytes);
    return this;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u24(): number {
    const at = this.#take(3);
    return (this.#view.getUint16(at) << 8) | this.#view.getUint8(at + 2);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** A 64-bit field as a number; times beyond 2^53 units do not occur in media and lose precision here. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8)));
  }

  type(): string {
    const at = this.#take(4);
    return String.fromCharCode(
      this.#view.getUint8(at),
      this.#view.getUint8(at + 1),
      this.#view.getUint8(at + 2),
      this.#view.getUint8(at + 3),
    );
  }

  /** Version and flags that open a FullBox. */
  full(): { version: number; flags: number } {
    const word = this.u32();
    return { version: word >>> 24, flags: word & 0xffffff };
  }

  #take(bytes: number): number {
    const at = this.at;
    if (bytes > this.#end - at) throw new Mp4Error("box ends inside a field", at);
    this.at = at + bytes;
    return at;
  }
}
