/** Plays fragments of MP4 as they come, close to the live edge. */

/** Seconds behind the newest picture above which the player jumps forward. */
const maxBehind = 2;
/** Where it jumps to, in seconds before the newest picture. */
const jumpBehind = 0.3;
/** Seconds of what was played that are kept. */
const keptBehind = 10;

export class Player {
  readonly #video: HTMLVideoElement;
  readonly #buffer: SourceBuffer;
  #queue: Uint8Array<ArrayBuffer>[] = [];

  private constructor(video: HTMLVideoElement, buffer: SourceBuffer) {
    this.#video = video;
    this.#buffer = buffer;
    buffer.addEventListener("updateend", () => this.#next());
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
    if (this.#buffer.updating) return;
    this.#keepUp();
    const bytes = this.#queue.shift();
    if (bytes !== undefined) this.#buffer.appendBuffer(bytes);
  }

  #keepUp(): void {
    const { buffered, currentTime } = this.#video;
    if (buffered.length === 0) return;
    const start = buffered.start(0);
    const end = buffered.end(buffered.length - 1);
    if (currentTime < start || end - currentTime > maxBehind)
      this.#video.currentTime = Math.max(start, end - jumpBehind);
    if (currentTime - start > 2 * keptBehind) this.#buffer.remove(start, currentTime - keptBehind);
  }
}
