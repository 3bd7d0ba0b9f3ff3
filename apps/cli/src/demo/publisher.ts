/** Publishes the demo's clip in real time, for ever, by the same code as `moqb pub --format fmp4`. */
import { BroadcastProducer, type Cache } from "@moqingbird/model";
import { Fmp4Publisher } from "../publish/fmp4.ts";
import { RateMeter } from "../terminal.ts";
import type { Clip, ClipTrack, LoopFrame } from "./clip.ts";

/** Groups whose publishing times are remembered, for the subscribers' latency. */
const rememberedGroups = 32;

export class ClipPublisher {
  readonly broadcast: BroadcastProducer;
  readonly rate = new RateMeter();
  frames = 0;
  readonly #clip: Clip;
  readonly #publisher: Fmp4Publisher;
  readonly #stream: Iterator<LoopFrame>;
  /** When each frame was published, by track and group. */
  readonly #times = new Map<ClipTrack, Map<number, Float64Array>>();
  /** Frames published of each track's newest group. */
  readonly #newest = new Map<ClipTrack, { group: number; frames: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clip: Clip, namespace: string, cache: Cache) {
    this.#clip = clip;
    this.#stream = clip.frames();
    this.broadcast = new BroadcastProducer({ cache });
    this.#publisher = new Fmp4Publisher(this.broadcast, { namespace });
    this.#publisher.write(clip.init);
  }

  get groups(): number {
    return this.#publisher.groups;
  }

  start(): void {
    const startedAt = performance.now();
    let frame = this.#next();
    const tick = (): void => {
      const elapsed = performance.now() - startedAt;
      while (frame.dueMs <= elapsed) {
        this.#publish(frame);
        frame = this.#next();
      }
      this.#timer = setTimeout(tick, Math.max(1, frame.dueMs - (performance.now() - startedAt)));
    };
    tick();
  }

  /** Ends the broadcast after the frame that was published last. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#publisher.end();
    this.broadcast.finish();
  }

  /** When a frame was published, on `performance.now()`'s clock; undefined when that is too long ago. */
  publishedAt(track: ClipTrack, group: number, index: number): number | undefined {
    return this.#times.get(track)?.get(group)?.[index];
  }

  /** How many frames of a group were published. */
  framesIn(track: ClipTrack, group: number): number {
    const newest = this.#newest.get(track);
    if (newest === undefined || group > newest.group) return 0;
    return group === newest.group ? newest.frames : track.framesIn(group);
  }

  /** The newest group of a track; -1 before the first. */
  newestGroup(track: ClipTrack): number {
    return this.#newest.get(track)?.group ?? -1;
  }

  #next(): LoopFrame {
    return this.#stream.next().value as LoopFrame; // the generator never ends
  }

  #publish({ track, group, index }: LoopFrame): void {
    const bytes = this.#clip.bytes(track, group, index);
    this.#remember(track, group, index);
    this.#newest.set(track, { group, frames: index + 1 });
    this.frames++;
    this.rate.add(bytes.length);
    this.#publisher.write(bytes);
  }

  #remember(track: ClipTrack, group: number, index: number): void {
    const groups = this.#times.get(track) ?? new Map<number, Float64Array>();
    const times = groups.get(group) ?? new Float64Array(track.framesIn(group));
    this.#times.set(track, groups.set(group, times));
    groups.delete(group - rememberedGroups);
    times[index] = performance.now();
  }
}
