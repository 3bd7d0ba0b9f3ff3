/** `--format bytes`: objects of 64 KiB in groups of 4 MiB; put end to end they are the input again. */
import type { GroupProducer, SubgroupProducer, TrackProducer } from "@moqingbird/model";
import { finishTrack, type Publisher } from "./publisher.ts";

export const objectBytes = 64 * 1024;
export const groupBytes = 4 * 1024 * 1024;

export class BytesPublisher implements Publisher {
  readonly #track: TrackProducer;
  readonly #object = new Uint8Array(objectBytes);
  #filled = 0;
  #group: { producer: GroupProducer; stream: SubgroupProducer; objects: number } | undefined;
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
    this.#endGroup();
    finishTrack(this.#track);
  }

  #flush(): void {
    this.#group ??= this.#openGroup();
    this.#group.stream.writeObject(this.#object.subarray(0, this.#filled));
    this.#filled = 0;
    if (++this.#group.objects * objectBytes >= groupBytes) this.#endGroup();
  }

  #openGroup() {
    const producer = this.#track.appendGroup();
    this.groups++;
    return { producer, stream: producer.subgroup(0, { endOfGroup: true }), objects: 0 };
  }

  #endGroup(): void {
    this.#group?.stream.finish();
    this.#group?.producer.finish();
    this.#group = undefined;
  }
}
