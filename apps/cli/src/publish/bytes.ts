/** `--format bytes`: objects of 64 KiB in groups of 4 MiB; put end to end they are the input again. */
import type { TrackProducer } from "@moqingbird/model";
import { finishGroup, finishTrack, type OpenGroup, openGroup, type Publisher } from "./publisher.ts";

export const objectBytes = 64 * 1024;
export const groupBytes = 4 * 1024 * 1024;

export class BytesPublisher implements Publisher {
  readonly #track: TrackProducer;
  readonly #object = new Uint8Array(objectBytes);
  #filled = 0;
  /** Stays open when it is full, until there is another: the track's end belongs into its last group. */
  #group: OpenGroup | undefined;
  #objects = 0;
  groups = 0;

  constructor(track: TrackProducer) {
    this.#track = track;
  }

  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const take = Math.min(objectBytes - this.#filled, chunk.length - at);
      this.#object.set(chunk.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled === objectBytes) this.#flush();
    }
  }

  end(): void {
    if (this.#filled > 0) this.#flush();
    finishTrack(this.#track, this.#group);
    this.#group = undefined;
  }

  #flush(): void {
    if (this.#group === undefined || this.#objects * objectBytes >= groupBytes) this.#nextGroup();
    this.#group?.stream.writeObject(this.#object.subarray(0, this.#filled));
    this.#filled = 0;
    this.#objects++;
  }

  #nextGroup(): void {
    if (this.#group !== undefined) finishGroup(this.#group);
    this.#group = openGroup(this.#track);
    this.#objects = 0;
    this.groups++;
  }
}
