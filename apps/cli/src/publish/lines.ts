/**
 * `--format lines`: one line is one object, sent at once. A line keeps its newline, so that objects put end to end are the
 * input again. A group holds the lines of one second, so that whoever joins late gets the last second and then all.
 */
import type { TrackProducer } from "@moqingbird/model";
import { Failure } from "../failure.ts";
import { finishGroup, finishTrack, type OpenGroup, openGroup, type Publisher } from "./publisher.ts";

/** How long a group takes lines, in milliseconds, and how many bytes at most. */
export const groupMs = 1000;
export const groupBytes = 1024 * 1024;

/** Longest line, in bytes. Beyond it the input is no text. */
export const longestLineBytes = 1024 * 1024;

const newline = 0x0a;

export class LinesPublisher implements Publisher {
  readonly #track: TrackProducer;
  readonly #now: () => number;
  readonly #splitter = new LineSplitter();
  #group: (OpenGroup & { since: number; bytes: number }) | undefined;
  groups = 0;

  constructor(track: TrackProducer, now: () => number) {
    this.#track = track;
    this.#now = now;
  }

  write(chunk: Uint8Array): void {
    const lines = this.#splitter.push(chunk);
    if (lines === "too-long") {
      throw new Failure(
        "usage",
        `a line is longer than ${longestLineBytes} bytes; publish this input with --format bytes`,
      );
    }
    for (const line of lines) this.#publish(line);
  }

  end(): void {
    const last = this.#splitter.end();
    if (last !== undefined) this.#publish(last);
    finishTrack(this.#track, this.#group);
    this.#group = undefined;
  }

  #publish(line: Uint8Array): void {
    const now = this.#now();
    const group = this.#group;
    if (group !== undefined && (now - group.since >= groupMs || group.bytes >= groupBytes)) this.#endGroup();
    this.#group ??= this.#openGroup(now);
    this.#group.stream.writeObject(line);
    this.#group.bytes += line.length;
  }

  #openGroup(since: number) {
    this.groups++;
    return { ...openGroup(this.#track), since, bytes: 0 };
  }

  #endGroup(): void {
    if (this.#group !== undefined) finishGroup(this.#group);
    this.#group = undefined;
  }
}

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
