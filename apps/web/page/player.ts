/** Plays fragments of MP4 as they come, close to the live edge. */
import { TrackBuffer } from "./track-buffer.ts";

/** Seconds at hand before it begins: WebKitGTK does not play with less. */
const firstSeconds = 0.5;
/** Seconds behind the newest picture above which the player jumps forward. */
const maxBehind = 2.5;
/** Where it jumps to, in seconds before the newest picture. */
const jumpBehind = 1;
/** Seconds of what was played that are kept. */
const keptBehind = 10;
/** While it jumps nothing is appended, which WebKitGTK takes for a fault; but no longer than this, in milliseconds. */
const longestJumpMs = 1000;
/** The first picture stands so many seconds after the element's time 0, and not before it by a rounding: it would be dropped. */
const margin = 0.001;
/** Seconds without a picture or sound that browsers pass over as they begin. */
const passedOver = 0.1;
const sound = /^(mp4a|opus|flac|ac-3|ec-3)/i;

/**
 * Each track has a SourceBuffer of its own: fragments are of one track, and Chromium takes a gap in one for a gap in all that
 * share a buffer. The leader's first picture stands at the beginning of the element's time, so that the film begins without a
 * seek: WebKitGTK hangs for good when it is asked to jump before it has played
 * (github.com/WebPlatformForEmbedded/WPEWebKit/issues/1367).
 */
export class Player {
  /** Rejects with one sentence when the browser gives the film up. */
  readonly failed: Promise<never>;
  readonly #video: HTMLVideoElement;
  readonly #tracks: readonly TrackBuffer[];
  /** The track with pictures, if there is one; the others wait for its beginning. */
  readonly #leader: TrackBuffer;
  #begun = false;
  #jumpedAt = Number.NEGATIVE_INFINITY;

  private constructor(video: HTMLVideoElement, source: MediaSource, codecs: readonly string[], init: Uint8Array) {
    this.#video = video;
    this.#tracks = codecs.map((codec) => {
      return new TrackBuffer(source.addSourceBuffer(typeOf(codec)), init, () => this.#next());
    });
    this.#leader = this.#tracks[Math.max(0, codecs.findIndex(isPicture))] as TrackBuffer;
    video.addEventListener("seeked", () => this.#next());
    this.failed = new Promise((_, reject) => {
      const failed = () =>
        reject(new Error(`The film cannot be played: ${video.error?.message || "no reason given"}.`));
      video.addEventListener("error", failed, { once: true });
    });
    this.failed.catch(() => {}); // told to who waits
  }

  /**
   * @param codecs One for each track.
   * @param init Describes all tracks.
   * @throws An Error with one sentence when the browser cannot play these codecs.
   */
  static async open(video: HTMLVideoElement, codecs: readonly string[], init: Uint8Array): Promise<Player> {
    for (const codec of codecs) {
      const type = typeOf(codec);
      if (!MediaSource.isTypeSupported(type)) throw new Error(`This browser does not play ${type}.`);
    }
    const source = new MediaSource();
    const opened = new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
    video.src = URL.createObjectURL(source);
    await opened;
    return new Player(video, source, codecs, init);
  }

  /** A fragment of a track, by its place among the codecs. Throws when the browser does not keep up. */
  push(fragment: Uint8Array, track: number): void {
    this.#tracks[track]?.push(fragment);
    this.#next();
  }

  #next(): void {
    if (this.#paused) return;
    this.#begun ||= this.#begin();
    if (!this.#begun) return;
    this.#keepUp();
    if (!this.#paused) for (const track of this.#tracks) track.appendNext();
  }

  /** Appends wait. */
  get #paused(): boolean {
    const { seeking, error } = this.#video;
    return error !== null || (seeking && performance.now() - this.#jumpedAt < longestJumpMs);
  }

  #begin(): boolean {
    const { start } = this.#leader;
    if (start === undefined) return false;
    for (const track of this.#tracks) track.shift(margin - start);
    return true;
  }

  #keepUp(): void {
    const { buffered, currentTime, paused } = this.#video;
    if (buffered.length === 0) return;
    const start = buffered.start(0);
    const end = buffered.end(buffered.length - 1);
    const ready = end - start > firstSeconds;
    if (currentTime === 0) {
      if (start > passedOver && ready) this.#jump(start); // another track begins later than the first picture
      if (paused && ready) this.#video.play().catch(() => {}); // autoplay alone does nothing in WebKitGTK
    } else if (currentTime >= start && end - currentTime > maxBehind) this.#jump(end - jumpBehind);
    else if (currentTime - start > 2 * keptBehind) {
      for (const track of this.#tracks) track.forget(currentTime - keptBehind);
    }
  }

  #jump(time: number): void {
    this.#jumpedAt = performance.now();
    this.#video.currentTime = time;
  }
}

const isPicture = (codec: string): boolean => !sound.test(codec);
const typeOf = (codec: string): string => `${isPicture(codec) ? "video" : "audio"}/mp4; codecs="${codec}"`;
