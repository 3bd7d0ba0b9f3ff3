/**
 * Receives one broadcast: finds out what it is (fragmented MP4 with a catalog, or one track of bytes), waits for it where
 * it is not there yet, and writes it in order.
 */
import type { BroadcastConsumer, Ending, TrackNamespace } from "@moqingbird/model";
import type { Client } from "../client.ts";
import type { Surroundings } from "../command.ts";
import { Failure } from "../failure.ts";
import { type Catalog, catalogTrackName, largestCatalogBytes, largestInitBytes, readCatalog } from "../fmp4/catalog.ts";
import { count, formatBytes, formatRate } from "../quantity.ts";
import { LiveLines, RateMeter } from "../terminal.ts";
import { readOnlyObject } from "./object.ts";
import { type Loss, OrderedTrack } from "./ordered.ts";
import { Output } from "./output.ts";
import { BroadcastWaiter, mayPass } from "./wait.ts";

export interface ReceptionOptions {
  readonly broadcast: string;
  readonly namespace: TrackNamespace;
  readonly track?: string | undefined;
  readonly output?: string | undefined;
  readonly client: Client;
  readonly surroundings: Surroundings;
}

/** The track of bytes or lines that is looked for when there is no catalog. */
const defaultTrackName = "data";

/** How long a missing group is waited for once a later one is there, in milliseconds. */
const patienceMs = 2000;

export class Reception {
  readonly broadcast: string;
  lostGroups = 0;
  readonly #options: ReceptionOptions;
  readonly #signal: AbortSignal;
  readonly #waiter: BroadcastWaiter;
  readonly #live: LiveLines;
  readonly #meter = new RateMeter();
  #consumer: BroadcastConsumer;
  #tracks: readonly OrderedTrack[] = [];
  #output: Output | undefined;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.broadcast = options.broadcast;
    const { client, namespace, surroundings } = options;
    this.#signal = surroundings.signal;
    this.#waiter = new BroadcastWaiter(client.session, namespace, surroundings.signal);
    this.#consumer = client.session.consume(namespace);
    this.#live = new LiveLines(surroundings.stderr, () => [this.#progress()]);
  }

  get groups(): number {
    return this.#tracks.reduce((sum, { groups }) => sum + groups, 0);
  }

  get bytes(): number {
    return this.#output?.bytes ?? 0;
  }

  /** Receives until the broadcast ends; undefined when the signal ended it. */
  async run(): Promise<Ending | undefined> {
    for (let told = false; ; told = true) {
      try {
        const ending = await this.#attempt();
        if (ending !== "not-there") return ending;
      } catch (error) {
        if (this.#signal.aborted) return undefined;
        if (!mayPass(error)) throw error;
      }
      if (!told) this.#live.note(`waiting for broadcast ${this.broadcast}`);
      if (!(await this.#waiter.again())) return undefined;
      this.#refresh();
    }
  }

  stop(): void {
    this.#live.stop();
    this.#waiter.stop();
    this.#consumer.close();
  }

  /** The broadcast may have been replaced meanwhile: ask a fresh one. */
  #refresh(): void {
    if (this.#consumer.state !== "ended") return;
    this.#consumer.close();
    this.#consumer = this.#options.client.session.consume(this.#options.namespace);
  }

  async #attempt(): Promise<Ending | "not-there" | undefined> {
    const { track } = this.#options;
    if (track !== undefined) return this.#receiveTracks([track], undefined);
    const catalog = await this.#findCatalog();
    if (catalog !== undefined) return this.#receiveMedia(catalog);
    return this.#receiveTracks([defaultTrackName], undefined);
  }

  /** The catalog of a broadcast of media; undefined when it has none. */
  async #findCatalog(): Promise<Catalog | undefined> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await readOnlyObject(this.#consumer, catalogTrackName, largestCatalogBytes, this.#signal);
    } catch (error) {
      if (this.#signal.aborted || !mayPass(error)) throw error;
    }
    if (bytes === undefined) return undefined;
    const catalog = readCatalog(bytes);
    if (catalog === undefined) {
      throw new Failure(
        "refused",
        `the ${catalogTrackName} track of ${this.broadcast} is no catalog this program knows; name a track with --track`,
      );
    }
    return catalog;
  }

  async #receiveMedia(catalog: Catalog): Promise<Ending | "not-there" | undefined> {
    const init = await readOnlyObject(this.#consumer, catalog.initTrack, largestInitBytes, this.#signal);
    return init === undefined ? "not-there" : this.#receiveTracks(catalog.tracks, init);
  }

  async #receiveTracks(
    names: readonly string[],
    init: Uint8Array | undefined,
  ): Promise<Ending | "not-there" | undefined> {
    const consumers = names.map((name) => this.#consumer.track(name));
    try {
      await Promise.race([Promise.all(consumers.map(({ ready }) => ready)), aborted(this.#signal)]);
      const output = await this.#openOutput(names.length > 1);
      const tracks = names.map(
        (track) =>
          new OrderedTrack({
            track,
            output,
            patienceMs,
            signal: this.#signal,
            onLoss: (loss) => this.#report(loss),
          }),
      );
      for (const [index, track] of tracks.entries()) consumers[index]?.subscribe({ listener: track.listener });
      this.#tracks = tracks;
      if (init !== undefined) await output.write(init);
      const endings = await Promise.race([Promise.all(tracks.map((track) => track.run())), output.failed]);
      if (tracks.every(({ empty }) => empty) && !this.#signal.aborted) return "not-there";
      await output.close();
      return endings.find((ending) => ending?.code === "aborted") ?? endings[0];
    } finally {
      for (const consumer of consumers) consumer.close();
    }
  }

  async #openOutput(whole: boolean): Promise<Output> {
    const { output, surroundings } = this.#options;
    this.#output ??= await Output.open(output, surroundings.stdout, whole);
    return this.#output;
  }

  #report({ track, first, last, why }: Loss): void {
    this.lostGroups += last - first + 1;
    const which = first === last ? `group ${first}` : `groups ${first} to ${last}`;
    this.#live.say(`moqb: lost ${which} of track ${track}: ${why}`);
  }

  #progress(): string {
    this.#meter.bytes = this.bytes;
    if (this.#tracks.length === 0) return `${this.broadcast}: waiting`;
    const lost = this.lostGroups > 0 ? `, ${this.lostGroups} lost` : "";
    return `${this.broadcast}: ${formatRate(this.#meter.bitsPerSecond())}, ${formatBytes(this.bytes)}, ${count(this.groups, "group")}${lost}, ${this.#options.client.path}`;
  }
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
