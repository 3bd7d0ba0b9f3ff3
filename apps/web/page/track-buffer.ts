/** Bytes of one track on their way into its SourceBuffer, one append at a time. */
import { initSegmentOf, startOf, trackOf } from "./mp4.ts";

/** Fragments that may wait: with one for each frame, some ten seconds. */
const maxWaiting = 1000;

export class TrackBuffer {
  readonly #source: SourceBuffer;
  readonly #init: Uint8Array;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #described = false;

  /** @param init Describes this track, and may describe others. */
  constructor(source: SourceBuffer, init: Uint8Array, updated: () => void) {
    this.#source = source;
    this.#init = init;
    source.addEventListener("updateend", updated);
  }

  /** Throws when the browser does not keep up. */
  push(fragment: Uint8Array): void {
    if (this.#waiting.push(new Uint8Array(fragment)) > maxWaiting) {
      throw new Error("The film cannot be played: the browser does not take it as fast as it comes.");
    }
  }

  /** When the next fragment begins, by the film's clock. Undefined if none waits; 0 if its clock cannot be read. */
  get start(): number | undefined {
    const [fragment] = this.#waiting;
    return fragment && (startOf(this.#init, fragment) ?? 0);
  }

  /** Adds to the film's clock from here on. */
  shift(seconds: number): void {
    this.#source.timestampOffset = seconds;
  }

  appendNext(): void {
    const [fragment] = this.#waiting;
    if (fragment === undefined || this.#source.updating) return;
    if (this.#described) {
      this.#waiting.shift();
      this.#source.appendBuffer(fragment);
      return;
    }
    const track = trackOf(fragment);
    this.#source.appendBuffer(track === undefined ? new Uint8Array(this.#init) : initSegmentOf(this.#init, track));
    this.#described = true;
  }

  /** Forgets what lies before this time. */
  forget(before: number): void {
    if (!this.#source.updating) this.#source.remove(0, before);
  }
}
