/** Receives the demo's broadcast and compares every frame with the clip. */
import type { BroadcastConsumer, SubgroupReader, TrackConsumer } from "@moqingbird/model";
import { initTrackName, mediaTrackName } from "../fmp4/catalog.ts";
import { readOnlyObject } from "../subscribe/object.ts";
import { RateMeter } from "../terminal.ts";
import type { Clip, ClipTrack } from "./clip.ts";
import type { ClipPublisher } from "./publisher.ts";
import { LatencyWindow } from "./table.ts";

/** What one track's subscription has seen. */
interface TrackTally {
  readonly track: ClipTrack;
  /** Right frames of each group. */
  readonly frames: Map<number, number>;
}

export class ClipSubscriber {
  readonly rate = new RateMeter();
  readonly latency = new LatencyWindow();
  frames = 0;
  wrong = 0;
  /** Subgroups that were reset or dropped before their end. */
  broken = 0;
  readonly #clip: Clip;
  readonly #publisher: ClipPublisher;
  readonly #consumers: TrackConsumer[] = [];
  readonly #tallies: TrackTally[] = [];
  #ended: Promise<unknown> = Promise.resolve();
  #joinedAt = 0;
  #scratch = new Uint8Array(64 * 1024);

  /** @param publisher asked for what was published and when; it is in this process. */
  constructor(clip: Clip, publisher: ClipPublisher) {
    this.#clip = clip;
    this.#publisher = publisher;
  }

  get groups(): number {
    return this.#tallies.reduce((sum, { frames }) => sum + frames.size, 0);
  }

  /** Subscribes to every track. Rejects when one is refused or the init segment differs. */
  async start(broadcast: BroadcastConsumer, signal: AbortSignal): Promise<void> {
    this.#joinedAt = performance.now();
    const init = await readOnlyObject(broadcast, initTrackName, this.#clip.init.length, signal);
    if (init === undefined || !equal(init, this.#clip.init, this.#clip.init.length)) this.wrong++;
    const endings: Promise<void>[] = [];
    for (const track of this.#clip.tracks) {
      const consumer = broadcast.track(mediaTrackName(track.movie.id));
      this.#consumers.push(consumer);
      await consumer.ready;
      const tally: TrackTally = { track, frames: new Map() };
      this.#tallies.push(tally);
      endings.push(
        new Promise((resolve) => {
          consumer.subscribe({
            listener: { subgroup: (reader) => this.#follow(tally, reader), ended: () => resolve() },
          });
        }),
      );
    }
    this.#ended = Promise.all(endings);
  }

  /** Resolves when every track ended, or after `ms`. */
  async finished(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#ended, timeout]);
    clearTimeout(timer);
    for (const consumer of this.#consumers) consumer.close();
  }

  /** Frames that were published since this subscriber's first group and did not come. `open` leaves out groups still under way. */
  missing(options: { readonly open: boolean }): number {
    let missing = 0;
    for (const { track, frames } of this.#tallies) {
      const last = this.#publisher.newestGroup(track) - (options.open ? 2 : 0);
      const first = Math.min(...frames.keys());
      for (let group = first; group <= last; group++) {
        missing += Math.max(0, this.#publisher.framesIn(track, group) - (frames.get(group) ?? 0));
      }
    }
    return missing;
  }

  /** Nothing was received at all. */
  get empty(): boolean {
    return this.#tallies.length < this.#clip.tracks.length || this.#tallies.some(({ frames }) => frames.size === 0);
  }

  #follow(tally: TrackTally, reader: SubgroupReader): void {
    if (!tally.frames.has(reader.group)) tally.frames.set(reader.group, 0);
    const progress = (): void => {
      while (reader.hasObject && reader.availableBytes === reader.objectSizeBytes) this.#check(tally, reader);
      if (reader.done || reader.state === "reset") {
        if (!reader.done) this.broken++;
        reader.onProgress = undefined;
        reader.close();
      }
    };
    reader.onProgress = progress;
    progress();
  }

  #check(tally: TrackTally, reader: SubgroupReader): void {
    const { group, objectId: index, objectSizeBytes: size } = reader;
    if (size > this.#scratch.length) this.#scratch = new Uint8Array(size * 2);
    reader.read(this.#scratch, 0, size);
    reader.next();
    this.rate.add(size);
    this.frames++;
    const known = index < tally.track.framesIn(group);
    if (known && equal(this.#scratch, this.#clip.bytes(tally.track, group, index), size)) {
      tally.frames.set(group, (tally.frames.get(group) ?? 0) + 1);
    } else {
      this.wrong++;
    }
    const publishedAt = this.#publisher.publishedAt(tally.track, group, index);
    // What was published before this one joined says how much it caught up, not how long the way is.
    if (publishedAt !== undefined && publishedAt >= this.#joinedAt) this.latency.add(performance.now() - publishedAt);
  }
}

function equal(a: Uint8Array, b: Uint8Array, length: number): boolean {
  return b.length === length && Buffer.compare(a.subarray(0, length), b) === 0;
}
