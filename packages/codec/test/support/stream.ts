/** Data streams in tests: what a decoder said of one, and how to feed it. */
import {
  type DataStreamVisitor,
  draft14,
  type FetchHeader,
  type FetchObjectHeader,
  type Limits,
  type ObjectHeader,
  type SubgroupHeader,
} from "@moqingbird/codec";
import { toHex } from "./hex.ts";

/** What a visitor was told, with the payload of each object joined as hex. */
export type StreamEvent =
  | { subgroup: SubgroupHeader }
  | { fetch: FetchHeader }
  | { object: ObjectHeader; payload: string }
  | { fetchObject: FetchObjectHeader; payload: string };

/** Writes down what it is told. */
export class Recorder implements DataStreamVisitor {
  readonly events: StreamEvent[] = [];

  subgroup(header: SubgroupHeader): void {
    this.events.push({ subgroup: header });
  }

  fetch(header: FetchHeader): void {
    this.events.push({ fetch: header });
  }

  object(object: ObjectHeader): void {
    this.events.push({ object, payload: "" });
  }

  fetchObject(object: FetchObjectHeader): void {
    this.events.push({ fetchObject: object, payload: "" });
  }

  payload(bytes: Uint8Array, start: number, end: number): void {
    const last = this.events.at(-1);
    if (last === undefined || !("payload" in last) || start >= end) throw new Error("payload out of place");
    last.payload += toHex(bytes.subarray(start, end));
  }
}

/** Decodes a whole stream given in chunks of the sizes that `nextSize` says, and its FIN. */
export function decodeStream(
  bytes: Uint8Array,
  nextSize: () => number = () => bytes.length,
  limits?: Limits,
): StreamEvent[] {
  const decoder = draft14.createDataStreamDecoder(limits);
  const recorder = new Recorder();
  let at = 0;
  while (at < bytes.length) {
    // Every chunk in memory of its own, overwritten afterwards: nothing may point into it.
    const chunk = new Uint8Array(bytes.subarray(at, at + Math.max(1, nextSize())));
    at += decoder.push(chunk, 0, chunk.length, recorder);
    chunk.fill(0xaa);
  }
  decoder.finish();
  return recorder.events;
}
