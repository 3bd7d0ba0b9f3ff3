/** What a person at a terminal sees: one line, or a few, rewritten in place. In a pipe nothing is drawn. */
import type { Surroundings } from "./command.ts";

/** How often a picture on the terminal is renewed. */
const refreshMs = 250;

/** Lines at the bottom of the terminal that are drawn over again and again. */
export class LiveLines {
  readonly #stream: Surroundings["stderr"];
  readonly #render: () => readonly string[];
  readonly #timer: NodeJS.Timeout | undefined;
  #drawn = 0;

  constructor(stream: Surroundings["stderr"], render: () => readonly string[]) {
    this.#stream = stream;
    this.#render = render;
    if (stream.isTTY !== true) return;
    this.#timer = setInterval(() => this.draw(), refreshMs);
    this.#timer.unref();
  }

  draw(): void {
    if (this.#stream.isTTY !== true) return;
    const width = this.#stream.columns ?? 80;
    const lines = this.#render().map((line) => line.slice(0, width - 1));
    this.#stream.write(this.#eraser() + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
  }

  /** Writes a line above the live ones, at a terminal only. */
  note(line: string): void {
    if (this.#stream.isTTY === true) this.say(line);
  }

  /** Writes a line above the live ones, also in a pipe. */
  say(line: string): void {
    this.#stream.write(`${this.#eraser()}${line}\n`);
    this.#drawn = 0;
    this.draw();
  }

  /** Stops drawing. The last picture stays when `keep` is set, and is erased otherwise. */
  stop(keep = false): void {
    clearInterval(this.#timer);
    if (keep) this.draw();
    else if (this.#drawn > 0) this.#stream.write(this.#eraser());
    this.#drawn = 0;
  }

  #eraser(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\x1b[0J`;
  }
}

/** Bytes per second over the last few seconds. */
export class RateMeter {
  readonly #now: () => number;
  readonly #marks: { at: number; bytes: number }[] = [];
  readonly #startedAt: number;
  bytes = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startedAt = now();
  }

  /** Bits per second since the start. */
  get meanBitsPerSecond(): number {
    return (this.bytes * 8000) / Math.max(1, this.#now() - this.#startedAt);
  }

  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** Bits per second since the oldest mark, at most three seconds ago; every call sets a mark. */
  bitsPerSecond(): number {
    const now = this.#now();
    this.#marks.push({ at: now, bytes: this.bytes });
    while (this.#marks.length > 2 && now - (this.#marks[0]?.at ?? now) > 3000) this.#marks.shift();
    const first = this.#marks[0];
    if (first === undefined || now - first.at < 1) return 0;
    return ((this.bytes - first.bytes) * 8000) / (now - first.at);
  }
}
