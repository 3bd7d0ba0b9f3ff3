/** Cuts a byte stream into lines. A line keeps its newline, so that objects put end to end are the input again. */

/** Longest line, in bytes. Beyond it the input is no text. */
export const longestLineBytes = 1024 * 1024;

const newline = 0x0a;

export class LineSplitter {
  #rest: Uint8Array[] = [];
  #restBytes = 0;

  /** Adds bytes; returns the lines they complete, or "too-long" when one exceeds the limit. Lines belong to the caller. */
  push(chunk: Uint8Array): Uint8Array[] | "too-long" {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      if (this.#restBytes + end + 1 - start > longestLineBytes) return "too-long";
      lines.push(this.#complete(chunk.subarray(start, end + 1)));
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.slice(start));
      this.#restBytes += chunk.length - start;
    }
    return this.#restBytes > longestLineBytes ? "too-long" : lines;
  }

  /** The last line, when the input did not end in a newline. */
  end(): Uint8Array | undefined {
    return this.#restBytes === 0 ? undefined : this.#complete(new Uint8Array(0));
  }

  #complete(tail: Uint8Array): Uint8Array {
    const line = new Uint8Array(this.#restBytes + tail.length);
    let at = 0;
    for (const part of this.#rest) {
      line.set(part, at);
      at += part.length;
    }
    line.set(tail, at);
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }
}
