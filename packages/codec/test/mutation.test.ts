/**
 * Hostile bytes: whatever comes in, decoders answer with a value, `needMore` or a CodecError, keep little and finish soon.
 * A failure prints the seed, which repeats the run (`TEST_SEED=n`), and the bytes.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CodecError, ControlDecoder, type ControlMessage, draft14, needMore, noExtensions } from "@moqingbird/codec";
import { afterAll, describe, expect, test } from "vitest";
import { decode, encode } from "./support/control.ts";
import { goldenMessages } from "./support/golden-control.ts";
import { annotated, hex, toHex } from "./support/hex.ts";
import { randomIntegers, seed } from "./support/seed.ts";
import { decodeStream, Recorder } from "./support/stream.ts";

const mutations = 100_000;
/** The runs end here even on a slow machine; `done` then says how far they came. */
const budgetMs = 60_000;

const controlSamples = goldenMessages.map(({ bytes }) => annotated(bytes));
const streamSamples = [
  "10 02 00 80  00 04 61626364  00 04 65666768  00 00 03",
  "15 02 412c 09 80  05 06 0401 05 02aabb 02 ffff  00 00 00 00  0a 02 3c02 00 03",
  "1b 8000ffff c000000100000000 00  c01ffffffffffff0 00 00 00  00 02 0401 01 aa",
  "05 0a  412c 01 07 c8 02 0401 02 aabb  412d 00 00 00 00 00 03",
].map(hex);
const datagramSamples = ["00 02 412c 07 80 aabb", "07 02 412c 80 02 0401 aabb", "21 02 412c 07 80 02 0401 03"].map(hex);

const below = randomIntegers(seed);

function pick<Item>(items: readonly Item[]): Item {
  return items[below(items.length)]!;
}

const edits: readonly ((bytes: number[]) => void)[] = [
  (bytes) => void bytes.splice(below(bytes.length), 1, below(256)),
  (bytes) => {
    const at = below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << below(8));
  },
  (bytes) => void bytes.splice(below(bytes.length), 1),
  (bytes) => void bytes.splice(below(bytes.length + 1), 0, below(256)),
  (bytes) => void bytes.splice(below(bytes.length)),
  (bytes) => void bytes.splice(below(bytes.length), 0, ...Array(8).fill(0xff)),
  (bytes) => {
    const from = below(bytes.length);
    bytes.splice(below(bytes.length), 0, ...bytes.slice(from, from + below(20)));
  },
];

/** A sample with one to four edits; now and then bytes with no sample at all. */
function hostile(samples: readonly Uint8Array[]): Uint8Array {
  if (below(20) === 0) return Uint8Array.from({ length: 1 + below(60) }, () => below(256));
  const bytes = Array.from(pick(samples));
  for (let count = 1 + below(4); count > 0 && bytes.length > 0; count--) pick(edits)(bytes);
  return Uint8Array.from(bytes);
}

/** Runs a decoder on hostile bytes until all mutations or the time are used up. Returns how often it accepted and refused. */
function attack(samples: readonly Uint8Array[], share: number, decodeOnce: (bytes: Uint8Array) => void) {
  const counts = { done: 0, accepted: 0, refused: 0 };
  const stop = performance.now() + budgetMs * share;
  while (counts.done < mutations * share && performance.now() < stop) {
    const bytes = hostile(samples);
    counts.done++;
    try {
      decodeOnce(bytes);
      counts.accepted++;
    } catch (error) {
      if (!(error instanceof CodecError) || error.kind === "caller") {
        throw new Error(`TEST_SEED=${seed}, mutation ${counts.done}: ${toHex(bytes)}`, { cause: error });
      }
      counts.refused++;
    }
  }
  return counts;
}

/** Bytes in use. Array buffers are freed beside the program after a collection, so the least of some is taken. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

const total = { done: 0 };

describe("under mutated and random bytes", () => {
  test("control messages are read, wanted longer or refused; what is read can be written and read again", () => {
    const before = heapBytes();
    const counts = attack(controlSamples, 0.5, (bytes) => {
      const message = decode(bytes);
      if (message === needMore) return;
      // A replaced character may take more bytes than what it replaced, so such a text may not fit again.
      if (JSON.stringify(message, plain).includes("\uFFFD")) return;
      expect(decode(encode(message))).toStrictEqual(message);
    });
    expect(counts.accepted).toBeGreaterThan(counts.done / 50);
    expect(counts.refused).toBeGreaterThan(counts.done / 10);
    expect(heapBytes() - before).toBeLessThan(4_000_000);
    total.done += counts.done;
  });

  test("a control stream gives the same messages and the same error however it is cut", () => {
    const counts = attack(controlSamples, 0.1, (bytes) => {
      const whole = controlStream(bytes, bytes.length);
      const cut = controlStream(bytes, 1 + below(5));
      expect(cut).toStrictEqual(whole);
      if (whole.error !== undefined) throw whole.error;
    });
    total.done += counts.done;
  });

  test("data streams give the same events and the same error however they are cut", () => {
    const before = heapBytes();
    const counts = attack(streamSamples, 0.3, (bytes) => {
      const whole = dataStream(bytes, bytes.length);
      const cut = dataStream(bytes, 1 + below(5));
      expect(cut).toStrictEqual(whole);
      if (whole.error !== undefined) throw whole.error;
    });
    expect(counts.accepted).toBeGreaterThan(counts.done / 50);
    expect(heapBytes() - before).toBeLessThan(4_000_000);
    total.done += counts.done;
  });

  test("datagrams are read or refused; what is read can be written", () => {
    const counts = attack(datagramSamples, 0.1, (bytes) => {
      const datagram = draft14.decodeDatagram(bytes, 0, bytes.length);
      const target = new Uint8Array(200);
      expect(draft14.encodeDatagramHeader(target, 0, target.length, datagram)).toBeGreaterThan(0);
    });
    expect(counts.accepted).toBeGreaterThan(counts.done / 50);
    total.done += counts.done;
  });

  afterAll(() => {
    console.log(`${total.done} mutations, TEST_SEED=${seed}`);
  });
});

describe("a header that announces much and brings little", () => {
  test("costs a decoder only what was brought", () => {
    // A subgroup header with extensions, then an object with 65536 bytes of extensions of which 30 arrive.
    const bytes = Uint8Array.of(...hex("11 02 00 80 00 80010000"), ...new Uint8Array(30));
    const recorder = new Recorder();
    const before = heapBytes();
    const decoders = Array.from({ length: 2000 }, () => {
      const decoder = draft14.createDataStreamDecoder();
      for (let at = 0; at < bytes.length; at++) decoder.push(bytes, at, at + 1, recorder);
      return decoder;
    });
    expect((heapBytes() - before) / decoders.length).toBeLessThan(2000);
  });

  test("that is complete gives its memory back", () => {
    const extensions = Uint8Array.of(0x05, 0x80, 0x00, 0xff, 0xf0, ...new Uint8Array(65_520));
    const bytes = Uint8Array.of(...hex("11 02 00 80 00 8000fff5"), ...extensions, 0x00, 0x00);
    const visitor = { ...new Recorder(), subgroup() {}, object() {}, fetch() {}, fetchObject() {}, payload() {} };
    const before = heapBytes();
    const decoders = Array.from({ length: 100 }, () => {
      const decoder = draft14.createDataStreamDecoder();
      for (let at = 0; at < bytes.length; ) at = decoder.push(bytes, at, Math.min(bytes.length, at + 10_000), visitor);
      decoder.finish();
      return decoder;
    });
    expect((heapBytes() - before) / decoders.length).toBeLessThan(2000);
  });
});

test("a block of extensions that arrives byte by byte is not read again from the start each time", () => {
  const extensions = Uint8Array.of(0x05, 0x80, 0x00, 0xff, 0xf0, ...new Uint8Array(65_520));
  const bytes = Uint8Array.of(...hex("11 02 00 80 00 8000fff5"), ...extensions, 0x00, 0x00);
  const start = performance.now();
  expect(decodeStream(bytes, () => 1)).toHaveLength(2);
  // Quadratic work would be some 2e9 steps.
  expect(performance.now() - start).toBeLessThan(2000);
  expect(noExtensions).toHaveLength(0);
});

function controlStream(bytes: Uint8Array, size: number): { messages: ControlMessage[]; error?: unknown } {
  const decoder = new ControlDecoder(draft14);
  const messages: ControlMessage[] = [];
  try {
    for (let at = 0; at < bytes.length; at += size) {
      decoder.push(bytes, at, Math.min(bytes.length, at + size), (message) => messages.push(message));
    }
    decoder.finish();
    return { messages };
  } catch (error) {
    return { messages, error };
  }
}

function dataStream(bytes: Uint8Array, size: number): { events: unknown[]; error?: unknown } {
  const recorder = new Recorder();
  const decoder = draft14.createDataStreamDecoder();
  try {
    for (let at = 0; at < bytes.length; ) {
      at = decoder.push(bytes, at, Math.min(bytes.length, at + size), recorder);
    }
    decoder.finish();
    return { events: recorder.events };
  } catch (error) {
    return { events: recorder.events, error };
  }
}

/** Messages hold bigints, which JSON does not. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
