/** Where received bytes go: standard output or a file, with its back-pressure. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { Failure, systemReason } from "../failure.ts";

export class Output {
  readonly #stream: Writable;
  readonly #name: string;
  /** Objects are written in one piece, because several tracks write here. */
  readonly whole: boolean;
  #failed: Failure | undefined;
  #onFailed: (failure: Failure) => void = () => {};
  /** Rejects once, when writing failed. */
  readonly failed: Promise<never>;
  bytes = 0;

  private constructor(stream: Writable, name: string, whole: boolean) {
    this.#stream = stream;
    this.#name = name;
    this.whole = whole;
    this.failed = new Promise<never>((_, reject) => {
      this.#onFailed = reject;
    });
    this.failed.catch(() => {}); // whoever writes hears of it as well
    stream.on("error", (error) => {
      if (this.#failed !== undefined) return;
      this.#failed = new Failure(
        "input-output",
        `${name} cannot be written: ${systemReason(error)}; let its reader read to the end, or give --output FILE`,
        {
          cause: error,
        },
      );
      this.#onFailed(this.#failed);
    });
  }

  /** Opens a file, or takes the given standard output when there is none. */
  static async open(file: string | undefined, stdout: Writable, whole: boolean): Promise<Output> {
    if (file === undefined || file === "-") return new Output(stdout, "standard output", whole);
    const stream = createWriteStream(file);
    try {
      await once(stream, "open");
    } catch (error) {
      throw new Failure(
        "input-output",
        `${file} cannot be written: ${systemReason(error)}; give another --output FILE`,
        {
          cause: error,
        },
      );
    }
    return new Output(stream, file, whole);
  }

  /** Writes and waits while the reader is slower. The bytes must not be changed afterwards. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    this.bytes += bytes.length;
    if (!this.#stream.write(bytes)) await this.#drained();
  }

  /** Waits for room; called between groups so that a failure shows soon. */
  async boundary(): Promise<void> {
    if (this.#stream.writableNeedDrain) await this.#drained();
  }

  /** Everything was written and the file is closed; standard output stays open. */
  async close(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#name === "standard output") {
      await this.boundary();
      return;
    }
    this.#stream.end();
    await Promise.race([once(this.#stream, "close"), this.failed]);
  }

  async #drained(): Promise<void> {
    await Promise.race([once(this.#stream, "drain"), this.failed]);
  }
}
