/** Tracks of small whole objects: catalogs, init segments, lists. One object per group, the newest counts. */
import type { BroadcastConsumer, SubgroupReader, TrackConsumer } from "@moqingbird/model";
import { Failure } from "../failure.ts";

/** Reads the first object of each group, skipping groups that were overtaken. */
export class ObjectReader {
  readonly #name: string;
  readonly #limitBytes: number;
  readonly #track: TrackConsumer;
  readonly #aborted: Promise<never>;
  #newest: SubgroupReader | undefined;
  #subscribed = false;
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param limitBytes an object above it is an error. */
  constructor(broadcast: BroadcastConsumer, name: string, limitBytes: number, signal: AbortSignal) {
    this.#name = name;
    this.#limitBytes = limitBytes;
    this.#track = broadcast.track(name);
    this.#aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    this.#aborted.catch(() => {});
  }

  /**
   * The next object; undefined when the track ended. Rejects as the track's `ready` does when it is refused, and with the
   * signal's reason.
   */
  async next(): Promise<Uint8Array | undefined> {
    await Promise.race([this.#track.ready, this.#aborted]);
    if (!this.#subscribed) this.#subscribe();
    for (;;) {
      const reader = this.#newest;
      const object = reader && this.#take(reader);
      if (object !== undefined) return object;
      if (this.#ended && this.#newest === undefined) return undefined;
      const changed = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([changed, this.#aborted]);
    }
  }

  close(): void {
    this.#track.close();
  }

  #subscribe(): void {
    this.#subscribed = true;
    const wake = () => this.#wake?.();
    this.#track.subscribe({
      listener: {
        subgroup: (reader) => {
          if (this.#newest !== undefined && this.#newest.group > reader.group) {
            reader.close();
            return;
          }
          this.#newest?.close();
          this.#newest = reader;
          reader.onProgress = wake;
          wake();
        },
        ended: () => {
          this.#ended = true;
          wake();
        },
      },
    });
  }

  /** The whole object at the cursor, if it is there; the reader is left then, and when nothing more can come. */
  #take(reader: SubgroupReader): Uint8Array | undefined {
    const size = reader.objectSizeBytes;
    if (reader.hasObject && size > this.#limitBytes) {
      throw new Failure(
        "refused",
        `track ${this.#name} has an object of ${size} bytes, more than the limit of ${this.#limitBytes}; it is no track for this purpose`,
      );
    }
    const whole = reader.hasObject && reader.availableBytes === size;
    if (!whole && reader.state === "open") return undefined;
    const bytes = whole ? new Uint8Array(size) : undefined;
    if (bytes !== undefined) reader.read(bytes, 0, size);
    reader.close();
    this.#newest = undefined;
    return bytes;
  }
}

/** The first object of a track's newest group, whole; undefined when the track ended without one. */
export async function readOnlyObject(
  broadcast: BroadcastConsumer,
  name: string,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const reader = new ObjectReader(broadcast, name, limitBytes, signal);
  try {
    return await reader.next();
  } finally {
    reader.close();
  }
}
