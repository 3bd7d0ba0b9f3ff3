/** Objects that travel as datagrams, one each (moq-transport-14, section "Object Datagram"). */
import type { Holding } from "./cache.ts";
import type { ObjectStatus } from "./object.ts";
import type { Track } from "./track.ts";

/** An object whose forwarding preference is Datagram. The payload is the model's own copy: read it, do not write to it. */
export interface Datagram {
  readonly group: number;
  readonly object: number;
  /** Publisher priority, 0 (most urgent) to 255. */
  readonly priority: number;
  readonly status: ObjectStatus;
  /** The datagram said that it is the last object of its group. */
  readonly endOfGroup: boolean;
  /** Raw extension headers; empty for none. */
  readonly extensions: Uint8Array;
  readonly payload: Uint8Array;
  /** When it was published here, on the cache's clock. */
  readonly receivedAtMs: number;
}

/** What a producer says of a datagram; bytes are copied. */
export interface DatagramOptions {
  readonly group: number;
  readonly object: number;
  /** Default: the track's priority. */
  readonly priority?: number | undefined;
  /** Default: normal. */
  readonly status?: ObjectStatus | undefined;
  readonly endOfGroup?: boolean | undefined;
  readonly extensions?: Uint8Array | undefined;
  readonly payload?: Uint8Array | undefined;
}

/** Charged per kept datagram beside its bytes: the object and its two arrays (for its share of the heap, see cache.ts). */
export const datagramOverheadBytes = 1024;

/** The last datagrams of a track, for subscribers that join late; the oldest leave first. @internal */
export class DatagramRing implements Holding {
  readonly track: Track;
  readonly discarding = false;
  chargedBytes = 0;
  readonly #capacity: number;
  #items: Datagram[] = [];
  /** Where the oldest stands once the ring is full. */
  #oldest = 0;

  constructor(track: Track, capacity: number) {
    this.track = track;
    this.#capacity = capacity;
  }

  /** Keeps a datagram, if the cache has room for it. */
  push(datagram: Datagram): void {
    if (this.#capacity === 0 || !this.track.cache.charge(this, chargeOf(datagram))) return;
    if (this.#items.length < this.#capacity) {
      this.#items.push(datagram);
      return;
    }
    this.track.cache.release(this, chargeOf(this.#items[this.#oldest] as Datagram));
    this.#items[this.#oldest] = datagram;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** Oldest first. */
  items(): Datagram[] {
    return [...this.#items.slice(this.#oldest), ...this.#items.slice(0, this.#oldest)];
  }

  clear(): void {
    this.track.cache.release(this, this.chargedBytes);
    this.#items = [];
    this.#oldest = 0;
  }
}

function chargeOf(datagram: Datagram): number {
  return datagram.payload.length + datagram.extensions.length + datagramOverheadBytes;
}
