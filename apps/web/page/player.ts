/** Plays fragments of MP4 as they come, close to the live edge. */

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

export class Player {
  /** Rejects with one sentence when the browser gives the film up. */
  readonly failed: Promise<never>;
  readonly #video: HTMLVideoElement;
  readonly #buffer: SourceBuffer;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #jumpedAt = Number.NEGATIVE_INFINITY;

  private constructor(video: HTMLVideoElement, buffer: SourceBuffer) {
    this.#video = video;
    this.#buffer = buffer;
    buffer.addEventListener("updateend", () => this.#next());
    video.addEventListener("seeked", () => this.#next());
    this.failed = new Promise((_, reject) => {
      const failed = () =>
        reject(new Error(`The film cannot be played: ${video.error?.message || "no reason given"}.`));
      video.addEventListener("error", failed, { once: true });
    });
    this.failed.catch(() => {}); // told to who waits
  }

  /** Throws an Error with one sentence when the browser cannot play these codecs. */
  static async open(video: HTMLVideoElement, codecs: readonly string[]): Promise<Player> {
    const type = `video/mp4; codecs="${codecs.join(", ")}"`;
    if (!MediaSource.isTypeSupported(type)) throw new Error(`This browser does not play ${type}.`);
    const source = new MediaSource();
    const opened = new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
    video.src = URL.createObjectURL(source);
    await opened;
    return new Player(video, source.addSourceBuffer(type));
  }

  /** An init segment or a fragment. */
  push(bytes: Uint8Array): void {
    this.#queue.push(new Uint8Array(bytes));
    this.#next();
  }

  #next(): void {
    if (this.#busy) return;
    this.#keepUp();
    if (this.#busy) return;
    const bytes = this.#queue.shift();
    if (bytes !== undefined) this.#buffer.appendBuffer(bytes);
  }

  get #busy(): boolean {
    const { seeking, error } = this.#video;
    const jumping = seeking && performance.now() - this.#jumpedAt < longestJumpMs;
    return this.#buffer.updating || jumping || error !== null;
  }

  #keepUp(): void {
    const { buffered, currentTime } = this.#video;
    if (buffered.length === 0) return;
    const start = buffered.start(0);
    const end = buffered.end(buffered.length - 1);
    const begins = currentTime < start && end - start > firstSeconds;
    if (begins || (currentTime >= start && end - currentTime > maxBehind)) {
      this.#jumpedAt = performance.now();
      this.#video.currentTime = Math.max(start, end - jumpBehind);
      if (begins) this.#video.play().catch(() => {}); // autoplay alone does nothing in WebKitGTK
    } else if (currentTime - start > 2 * keptBehind) this.#buffer.remove(start, currentTime - keptBehind);
  }
}
