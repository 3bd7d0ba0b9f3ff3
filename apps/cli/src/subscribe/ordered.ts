/**
 * Puts a track's groups back in order. Groups come on streams of their own, so a later one may be there first; this waits a
 * bounded time for the one that is missing, then names it as lost and goes on.
 */
import {
  type DropReason,
  type Ending,
  ObjectStatus,
  type SubgroupReader,
  type SubscriptionListener,
} from "@moqingbird/model";
import type { Output } from "./output.ts";

/** What went missing, for a person. */
export interface Loss {
  readonly track: string;
  /** First and last group of the gap; the same when one is lost. */
  readonly first: number;
  readonly last: number;
  readonly why: string;
}

export interface OrderedOptions {
  readonly track: string;
  readonly output: Output;
  /** Called for every gap, once. */
  readonly onLoss: (loss: Loss) => void;
  /** How long a missing group is waited for once a later one is there, in milliseconds. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** Bytes read from the store at a time where objects need not stay whole. */
const pieceBytes = 64 * 1024;

export class OrderedTrack {
  readonly #options: OrderedOptions;
  /** Readers that were not written yet, by group. */
  readonly #waiting = new Map<number, SubgroupReader[]>();
  /** The group being written; -1 before the first. */
  #current = -1;
  #ending: Ending | undefined;
  #wake: (() => void) | undefined;
  /** The first group the publisher said does not exist; Infinity while it said nothing. */
  #end = Number.POSITIVE_INFINITY;
  groups = 0;
  objects = 0;
  bytes = 0;
  /** The first group that was there: what came before was never asked for. */
  firstGroup: number | undefined;
  /** Nothing came, not even the word that there is nothing. */
  empty = true;

  constructor(options: OrderedOptions) {
    this.#options = options;
  }

  /** Give this to `TrackConsumer.subscribe`. */
  readonly listener: SubscriptionListener = {
    subgroup: (reader) => {
      if (reader.group < this.#current) {
        reader.close(); // given up as lost, or written: too late either way
        return;
      }
      const list = this.#waiting.get(reader.group);
      if (list === undefined) this.#waiting.set(reader.group, [reader]);
      else list.push(reader);
      this.#wake?.();
    },
    datagram: (datagram) => {
      this.empty = false;
      this.objects++;
      this.bytes += datagram.payload.length;
      this.#options.output.write(datagram.payload).catch(() => {}); // `Output.failed` tells it to whoever waits there
    },
    ended: (ending) => {
      this.#ending = ending;
      this.#wake?.();
    },
  };

  /** Writes until the track ends, the signal aborts or the output fails. Returns how the track ended; undefined for an abort. */
  async run(): Promise<Ending | undefined> {
    const { signal } = this.#options;
    const onAbort = () => this.#wake?.();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const reader = await this.#nextReader();
        if (reader === undefined) return this.#finish();
        await this.#copy(reader);
      }
      return undefined;
    } finally {
      signal.removeEventListener("abort", onAbort);
      for (const list of this.#waiting.values()) for (const reader of list) reader.close();
      this.#waiting.clear();
    }
  }

  #finish(): Ending | undefined {
    if (this.#options.signal.aborted) return undefined;
    // The publisher named its end: groups between the last written one and that are lost, too.
    if (Number.isFinite(this.#end)) this.#lose(this.#current + 1, this.#end - 1, "never arrived");
    return this.#ending;
  }

  /** The next stream to write; undefined when the track is over or the signal aborted. */
  async #nextReader(): Promise<SubgroupReader | undefined> {
    let giveUpAt: number | undefined;
    while (!this.#options.signal.aborted) {
      const here = this.#waiting.get(this.#current)?.shift();
      if (here !== undefined) return here;
      const next = this.#lowest();
      if (next === undefined) {
        if (this.#ending !== undefined) return undefined;
        await this.#changed();
        continue;
      }
      const missing = this.#current >= 0 && next > this.#current + 1;
      giveUpAt ??= performance.now() + this.#options.patienceMs;
      if (missing && this.#ending === undefined && performance.now() < giveUpAt) {
        await this.#changed(giveUpAt - performance.now());
        continue;
      }
      if (missing && next <= this.#end) this.#lose(this.#current + 1, next - 1, "never arrived");
      this.#waiting.delete(this.#current);
      this.#current = next;
    }
    return undefined;
  }

  #lowest(): number | undefined {
    let lowest: number | undefined;
    for (const group of this.#waiting.keys()) {
      if (group > this.#current && (lowest === undefined || group < lowest)) lowest = group;
    }
    return lowest;
  }

  /** Writes one stream to its end. */
  async #copy(reader: SubgroupReader): Promise<void> {
    this.empty = false;
    const { signal, output } = this.#options;
    reader.onProgress = () => this.#wake?.();
    let begun = false;
    try {
      while (!signal.aborted) {
        if (reader.hasObject) {
          if (reader.objectStatus === ObjectStatus.normal) {
            if (!begun) this.#begin(reader.group);
            begun = true;
            if (!(await this.#copyPayload(reader))) return;
            this.objects++;
          } else if (reader.objectStatus === ObjectStatus.endOfTrack) {
            this.#end = reader.objectId === 0 ? reader.group : reader.group + 1;
          }
          reader.next();
        } else if (reader.done) {
          return;
        } else if (reader.state === "reset") {
          this.#incomplete(reader);
          return;
        } else {
          await this.#changed();
        }
      }
    } finally {
      reader.onProgress = undefined;
      reader.close();
      await output.boundary();
    }
  }

  /** Counts a group that has objects. */
  #begin(group: number): void {
    this.groups++;
    this.firstGroup ??= group;
  }

  /** Writes the object at the cursor. False when the rest of it will never come. */
  async #copyPayload(reader: SubgroupReader): Promise<boolean> {
    const { output, signal } = this.#options;
    let left = reader.objectSizeBytes;
    while (left > 0) {
      // Whole objects where tracks share the output: the pieces of two must not mix.
      const wanted = output.whole ? left : Math.min(left, pieceBytes);
      if (reader.availableBytes < wanted && reader.state === "open") {
        if (signal.aborted) return false;
        await this.#changed();
        continue;
      }
      const piece = new Uint8Array(Math.min(wanted, reader.availableBytes));
      const count = reader.read(piece, 0, piece.length);
      const cut = count < wanted;
      if (cut) this.#incomplete(reader);
      if (cut && (output.whole || count === 0)) return false;
      left -= count;
      this.bytes += count;
      await output.write(piece.subarray(0, count));
      if (cut) return false;
    }
    return true;
  }

  #incomplete(reader: SubgroupReader): void {
    const why =
      reader.dropped !== undefined
        ? dropWords[reader.dropped]
        : reader.resetCode === undefined
          ? "was cut short"
          : `was reset by the peer with code ${reader.resetCode}`;
    this.#lose(reader.group, reader.group, why);
  }

  #lose(first: number, last: number, why: string): void {
    if (last >= first) this.#options.onLoss({ track: this.#options.track, first, last, why });
  }

  /** Resolves at the next event, at the latest after `ms`. */
  async #changed(ms?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (ms !== undefined) timer = setTimeout(resolve, Math.ceil(ms));
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

const dropWords: Record<DropReason, string> = {
  expired: "was read too slowly here and expired",
  evicted: "was read too slowly here and left the buffer",
};
