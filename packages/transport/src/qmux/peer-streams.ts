/**
 * Which streams the peer may open, has opened and has finished, for one direction. A stream's number opens all below it
 * (RFC 9000 section 3.2), and they may come later: urgent ones overtake. One that is over never comes back.
 */
import { QmuxError } from "./error.ts";

/** The peer's streams of one direction, by index: 0, 1, 2 … */
export class PeerStreams {
  readonly #window: number;
  #limit: number;
  #opened = 0;
  #over = 0;
  /** Below the highest opened, and not seen yet. Never more than the window. */
  readonly #skipped = new Set<number>();

  /** @param window Streams the peer may have open at a time. */
  constructor(window: number) {
    this.#window = window;
    this.#limit = window;
  }

  /** How many the peer may open in total, as it was told last. */
  get limit(): number {
    return this.#limit;
  }

  /** True: the stream is new. False: it is over. Throws QmuxError STREAM_LIMIT_ERROR. For streams that are not open now. */
  open(index: number): boolean {
    if (index < this.#opened) return this.#skipped.delete(index);
    if (index >= this.#limit) {
      throw new QmuxError(
        "STREAM_LIMIT_ERROR",
        `Stream ${index + 1} of its kind was opened, ${this.#limit} are allowed.`,
      );
    }
    for (let skipped = this.#opened; skipped < index; skipped++) this.#skipped.add(skipped);
    this.#opened = index + 1;
    return true;
  }

  /** One stream is over. True: the peer should be told a new limit. */
  close(): boolean {
    this.#over++;
    return this.#limit - this.#over <= this.#window / 2;
  }

  /** The new limit, to be told to the peer. */
  raise(): number {
    this.#limit = this.#over + this.#window;
    return this.#limit;
  }
}
