/**
 * Random producers and readers on virtual time, against what was written: every reader sees a prefix of each subgroup, in
 * order and byte for byte, and misses a group only with a word about it. fast-check prints the seed of a failure.
 */

import assert from "node:assert/strict";
import { VirtualClock } from "@moqingbird/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BroadcastProducer,
  Cache,
  type SubgroupProducer,
  type TrackConsumer,
  type TrackProducer,
  type TrackSubscription,
} from "../src/index.ts";
import { type SeenObject, type SeenSubgroup, Viewer } from "./support.ts";

/** What was written to a subgroup, kept beside it as the truth. */
interface Written {
  readonly track: number;
  readonly producer: SubgroupProducer;
  readonly objects: SeenObject[];
  /** The object that still takes bytes, and how many. */
  open: SeenObject | undefined;
  missing: number;
}

interface Watching {
  readonly track: number;
  readonly viewer: Viewer;
  readonly consumer: TrackConsumer;
  readonly subscription: TrackSubscription;
}

const small = fc.nat({ max: 5 });
const command = fc.oneof(
  fc.record({
    do: fc.constant("open" as const),
    track: small,
    group: small,
    subgroup: small,
    extensions: fc.boolean(),
  }),
  fc.record({ do: fc.constant("begin" as const), which: fc.nat(), gap: small, size: fc.nat({ max: 3000 }) }),
  fc.record({ do: fc.constant("write" as const), which: fc.nat(), size: fc.nat({ max: 3000 }) }),
  fc.record({ do: fc.constant("close" as const), which: fc.nat(), reset: fc.boolean() }),
  fc.record({ do: fc.constant("watch" as const), track: small, slow: fc.boolean(), from: fc.nat({ max: 8 }) }),
  fc.record({ do: fc.constant("read" as const), which: fc.nat(), size: fc.nat({ max: 4000 }) }),
  fc.record({ do: fc.constant("leave" as const), which: fc.nat() }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: 700 }) }),
  fc.record({ do: fc.constant("datagram" as const), track: small, size: fc.nat({ max: 1200 }) }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly clock = new VirtualClock();
  readonly cache: Cache;
  readonly broadcast: BroadcastProducer;
  readonly tracks: TrackProducer[];
  readonly written: Written[] = [];
  readonly watching: Watching[] = [];
  #byte = 0;

  constructor(capacityBytes: number, retentionMs: number) {
    this.cache = new Cache({ capacityBytes, retentionMs, now: this.clock.now, schedule: this.clock.schedule });
    this.broadcast = new BroadcastProducer({ cache: this.cache });
    this.tracks = [0, 1, 2].map((name) => this.broadcast.createTrack(`${name}`));
  }

  async run(step: Command): Promise<void> {
    switch (step.do) {
      case "open": {
        const track = step.track % this.tracks.length;
        const group = this.tracks[track]?.group(step.group);
        const isOpen = this.written.some(
          ({ producer, ...w }) =>
            w.track === track &&
            producer.group === step.group &&
            producer.id === step.subgroup &&
            producer.state === "open",
        );
        // A group that was dropped and forgotten is a new one, which does not know the old one's open subgroup.
        if (group === undefined || isOpen) return;
        const producer = group.subgroup(step.subgroup, { extensions: step.extensions });
        this.written.push({ track, producer, objects: [], open: undefined, missing: 0 });
        return;
      }
      case "begin": {
        const entry = this.#pick(this.#open(), step.which);
        if (entry === undefined || entry.missing > 0) return;
        const extensions = entry.producer.extensions ? this.#bytes(step.size % 50) : new Uint8Array(0);
        const id = entry.producer.nextId + step.gap;
        entry.producer.begin(id, step.size, 0, extensions);
        entry.open = { id, status: 0, extensions: string(extensions), payload: "", complete: step.size === 0 };
        entry.missing = step.size;
        entry.objects.push(entry.open);
        return;
      }
      case "write": {
        const entry = this.#pick(this.#open(), step.which);
        if (entry?.open === undefined) return;
        const bytes = this.#bytes(Math.min(step.size, entry.missing));
        // The truth first: readers look while the write is running.
        entry.open.payload += string(bytes);
        entry.missing -= bytes.length;
        entry.open.complete = entry.missing === 0;
        entry.producer.write(bytes);
        return;
      }
      case "close": {
        const entry = this.#pick(this.#open(), step.which);
        if (entry === undefined) return;
        if (step.reset || entry.missing > 0) entry.producer.reset(step.which);
        else entry.producer.finish();
        return;
      }
      case "watch": {
        const track = step.track % this.tracks.length;
        const viewer = new Viewer({ slow: step.slow });
        const consumer = this.broadcast.consume().track(`${track}`);
        const start = step.from > 5 ? "newest-group" : { group: step.from, object: 0 };
        this.watching.push({ track, viewer, consumer, subscription: consumer.subscribe({ start, listener: viewer }) });
        return;
      }
      case "read":
        for (const seen of this.#pick(this.watching, step.which)?.viewer.subgroups ?? []) {
          seen.read(step.size);
          if (seen.reader.done) seen.reader.close();
        }
        return;
      case "leave":
        this.#pick(this.watching, step.which)?.consumer.close();
        return;
      case "wait":
        return this.clock.advance(step.ms);
      case "datagram": {
        const track = this.tracks[step.track % this.tracks.length] as TrackProducer;
        const { group, object } = track.largest ?? { group: 0, object: 0 };
        track.datagram({ group, object: object + 1, payload: new Uint8Array(step.size) });
      }
    }
  }

  /** Plain assertions: this runs after every step. */
  check(): void {
    assert(this.cache.usedBytes >= 0 && this.cache.usedBytes <= this.cache.capacityBytes);
    for (const { track, viewer, subscription } of this.watching) {
      let backlogBytes = 0;
      for (const seen of viewer.subgroups) {
        const { reader } = seen;
        backlogBytes += reader.unreadBytes;
        const truth = this.#truth(track, seen);
        for (const [i, object] of seen.objects.entries()) {
          const wrote = truth.objects[i];
          assert(wrote, "nothing is read that was not written");
          assert.equal(object.id, wrote.id);
          assert.equal(object.extensions, wrote.extensions);
          assert(wrote.payload.startsWith(object.payload), "the payload is a prefix of what was written");
          if (object.complete) assert(wrote.complete && object.payload.length === wrote.payload.length);
        }
        if (reader.dropped !== undefined) assert(viewer.drops.some((drop) => drop.group === reader.group));
        if (reader.done) assert.equal(seen.objects.length, truth.objects.length);
      }
      assert.equal(subscription.backlogBytes, subscription.ending?.code === "closed" ? 0 : backlogBytes);
    }
  }

  /** A reader that keeps up sees all that was written, or was told of the drop. */
  checkComplete(): void {
    for (const { track, viewer, subscription } of this.watching) {
      if (subscription.ending?.code === "closed") continue;
      for (const seen of viewer.subgroups) {
        seen.read();
        if (seen.reader.dropped !== undefined) continue;
        assert.deepEqual(
          seen.objects.map((object) => object.payload),
          this.#truth(track, seen).objects.map((object) => object.payload),
        );
      }
    }
  }

  get drops(): number {
    return this.watching.reduce((sum, { viewer }) => sum + viewer.drops.length, 0);
  }

  async close(): Promise<void> {
    for (const { consumer } of this.watching) consumer.close();
    this.broadcast.finish();
    for (const { producer } of this.#open()) producer.reset(0);
    assert.equal(this.cache.usedBytes, 0);
    await this.clock.advance(1_000_000);
    assert.equal(this.clock.pending, 0);
  }

  /** What was written to the very stream that a reader reads; only a test looks behind a reader. */
  #truth(track: number, seen: SeenSubgroup): Written {
    const { source } = seen.reader as unknown as { source: unknown };
    const written = this.written.find((entry) => entry.track === track && entry.producer === source);
    assert(written, "the reader's stream is one of the track's");
    return written;
  }

  #open(): Written[] {
    return this.written.filter((entry) => entry.producer.state === "open");
  }

  #pick<T>(from: readonly T[], which: number): T | undefined {
    return from[which % from.length];
  }

  #bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => 0x20 + (this.#byte++ % 90));
  }
}

function string(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

const commands = fc.array(command, { minLength: 1, maxLength: 120, size: "max" });

test("whatever is written and read, the view is a prefix, the budget holds, and closing frees all", {
  timeout: 60_000,
}, async () => {
  let drops = 0;
  await fc.assert(
    fc.asyncProperty(
      commands,
      fc.constantFrom(0, 5000, 20_000, 100_000, 1e9),
      fc.constantFrom(0, 100, 2000, Number.POSITIVE_INFINITY),
      async (steps, capacityBytes, retentionMs) => {
        const world = new World(capacityBytes, retentionMs);
        for (const step of steps) {
          await world.run(step);
          world.check();
        }
        world.checkComplete();
        drops += world.drops;
        await world.close();
      },
    ),
    { numRuns: 200 },
  );
  expect(drops).toBeGreaterThan(20);
});

test("with room and time enough nothing is ever dropped", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      const world = new World(1e9, Number.POSITIVE_INFINITY);
      for (const step of steps) await world.run(step);
      world.checkComplete();
      assert.equal(world.drops, 0);
      await world.close();
    }),
    { numRuns: 100 },
  );
});
