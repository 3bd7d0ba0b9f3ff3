import { draft14, type FetchObjectHeader, type ObjectHeader, type SubgroupHeader } from "@moqingbird/codec";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fetchObject, id, subgroupStream } from "./support/arbitraries.ts";
import { toHex } from "./support/hex.ts";
import { randomIntegers, seeded } from "./support/seed.ts";
import { decodeStream, type StreamEvent } from "./support/stream.ts";

/** Grows by what an encoder writes. */
class Stream {
  #target = new Uint8Array(20_000);
  #length = 0;

  header(write: (target: Uint8Array, offset: number, end: number) => number): void {
    const size = write(this.#target, this.#length, this.#target.length);
    expect(size).toBeGreaterThan(0);
    this.#length += size;
  }

  payload(sizeBytes: number): string {
    const start = this.#length;
    for (let i = 0; i < sizeBytes; i++) this.#target[this.#length++] = i * 7 + sizeBytes;
    return toHex(this.#target.subarray(start, this.#length));
  }

  get bytes(): Uint8Array {
    return this.#target.subarray(0, this.#length);
  }
}

function encodeSubgroup(header: SubgroupHeader, objects: readonly ObjectHeader[]): [Uint8Array, StreamEvent[]] {
  const stream = new Stream();
  const events: StreamEvent[] = [{ subgroup: header }];
  stream.header((target, offset, end) => draft14.encodeSubgroupHeader(target, offset, end, header));
  let previous = -1;
  for (const object of objects) {
    stream.header((target, offset, end) =>
      draft14.encodeObjectHeader(target, offset, end, previous, header.hasExtensions, object),
    );
    events.push({ object, payload: stream.payload(object.sizeBytes) });
    previous = object.id;
  }
  return [stream.bytes, events];
}

function encodeFetch(requestId: number, objects: readonly FetchObjectHeader[]): [Uint8Array, StreamEvent[]] {
  const stream = new Stream();
  const events: StreamEvent[] = [{ fetch: { requestId } }];
  stream.header((target, offset, end) => draft14.encodeFetchHeader(target, offset, end, { requestId }));
  let previous: FetchObjectHeader | undefined;
  for (const object of objects) {
    stream.header((target, offset, end) => draft14.encodeFetchObjectHeader(target, offset, end, previous, object));
    events.push({ fetchObject: object, payload: stream.payload(object.sizeBytes) });
    previous = object;
  }
  return [stream.bytes, events];
}

/** Whole, byte by byte, and in chunks that the seed chooses: always the same events. */
function expectEvents(bytes: Uint8Array, events: StreamEvent[], chunkSeed: number): void {
  expect(decodeStream(bytes)).toStrictEqual(events);
  expect(decodeStream(bytes, () => 1)).toStrictEqual(events);
  const below = randomIntegers(chunkSeed);
  expect(decodeStream(bytes, () => 1 + below(30))).toStrictEqual(events);
}

test("a subgroup stream comes back as it was written, however it is cut", () => {
  fc.assert(
    fc.property(subgroupStream, fc.nat(), ({ header, objects }, chunkSeed) => {
      const [bytes, events] = encodeSubgroup(header, objects);
      expectEvents(bytes, events, chunkSeed);
    }),
    seeded,
  );
});

test("a fetch stream comes back as it was written, however it is cut", () => {
  fc.assert(
    fc.property(id, fc.array(fetchObject, { maxLength: 8 }), fc.nat(), (requestId, objects, chunkSeed) => {
      const [bytes, events] = encodeFetch(requestId, objects);
      expectEvents(bytes, events, chunkSeed);
    }),
    seeded,
  );
});
