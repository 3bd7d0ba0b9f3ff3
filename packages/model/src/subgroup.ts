/**
 * Subgroups: the objects of a group that share one stream (moq-transport-14, section "Subgroups"). This file holds the
 * writing side and the stored state; `reader.ts` holds the cursors.
 */
import type { DropReason } from "./ending.ts";
import { ModelError } from "./errors.ts";
import type { Group } from "./group.ts";
import { ObjectStatus } from "./object.ts";
import { ObjectStore } from "./object-store.ts";
import type { Reader } from "./reader.ts";
import { call } from "./report.ts";

/** What is known of a subgroup when it is opened; all of it passes unchanged to every reader. */
export interface SubgroupOptions {
  /** Publisher priority, 0 (most urgent) to 255. Default: the track's. */
  readonly priority?: number | undefined;
  /** The last object before `finish` is the group's last ("Contains End of Group" of the subgroup header). Default false. */
  readonly endOfGroup?: boolean | undefined;
  /** Objects may carry extension headers ("Extensions Present" of the subgroup header). Default false. */
  readonly extensions?: boolean | undefined;
}

/** Writes the objects of one subgroup, in ascending id order. */
export interface SubgroupProducer {
  readonly group: number;
  readonly id: number;
  readonly priority: number;
  readonly endOfGroup: boolean;
  readonly extensions: boolean;
  readonly state: "open" | "finished" | "reset";
  /** The cache dropped the group: writes are still accepted, checked and thrown away. A session may stop the incoming stream. */
  readonly discarding: boolean;
  /** The id that follows the last begun object's; 0 before the first. */
  readonly nextId: number;

  /**
   * Begins an object; its payload follows by `write`. No allocation beyond the stored bytes.
   * @param id above the previous object's; gaps are kept.
   * @param sizeBytes payload size; 0 for every status but normal.
   * @param extensions raw extension headers, copied.
   * @throws ModelError `object-order`, `object-incomplete`, `extensions-undeclared`, `malformed-track`, `closed`.
   */
  begin(id: number, sizeBytes: number, status?: ObjectStatus, extensions?: Uint8Array): void;
  /**
   * Appends `bytes[start..end)` to the current object; copied. No allocation beyond the stored bytes.
   * @throws ModelError `object-overflow`, `closed`.
   */
  write(bytes: Uint8Array, start?: number, end?: number): void;
  /** Begins and writes a whole normal object. `id` defaults to `nextId`. */
  writeObject(payload: Uint8Array, options?: { readonly id?: number; readonly extensions?: Uint8Array }): void;
  /** Everything was written (FIN). @throws ModelError `object-incomplete` if the last object misses bytes. */
  finish(): void;
  /** Gives up (RESET_STREAM); what is stored stays readable. `code` is kept raw for readers. Nothing happens when already closed. */
  reset(code: number, reason?: string): void;
}

const nothing = new Uint8Array(0);
const nobody: Reader[] = [];

/** Charged per subgroup: this object, its store and the map entry while it is open (for its share of the heap, see cache.ts). */
export const subgroupOverheadBytes = 1536;

/** A subgroup: what its producer writes, what its readers see. @internal */
export class Subgroup implements SubgroupProducer {
  readonly parent: Group;
  readonly id: number;
  readonly priority: number;
  readonly endOfGroup: boolean;
  readonly extensions: boolean;
  readonly store: ObjectStore;
  state: "open" | "finished" | "reset" = "open";
  resetCode: number | undefined;
  resetReason: string | undefined;
  /** Nobody's array while nobody reads, which is most of a subgroup's life. */
  #readers = nobody;
  #lastId = -1;
  /** Payload bytes that the current object still misses. */
  #missingBytes = 0;

  constructor(parent: Group, id: number, options: SubgroupOptions | undefined) {
    this.parent = parent;
    this.id = id;
    this.priority = options?.priority ?? parent.track.priority;
    this.endOfGroup = options?.endOfGroup ?? false;
    this.extensions = options?.extensions ?? false;
    this.store = new ObjectStore(parent);
  }

  get group(): number {
    return this.parent.id;
  }

  get discarding(): boolean {
    return this.parent.discarding;
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  begin(
    id: number,
    sizeBytes: number,
    status: ObjectStatus = ObjectStatus.normal,
    extensions: Uint8Array = nothing,
  ): void {
    this.#checkOpen();
    this.#checkComplete();
    if (!(id > this.#lastId) || !Number.isSafeInteger(id)) {
      throw new ModelError("object-order", `Object ${id} came after object ${this.#lastId}; ids of a subgroup ascend.`);
    }
    if (!(sizeBytes >= 0) || !Number.isSafeInteger(sizeBytes) || (sizeBytes > 0 && status !== ObjectStatus.normal)) {
      throw new ModelError("option-invalid", `An object of status ${status} cannot have ${sizeBytes} payload bytes.`);
    }
    if (extensions.length > 0 && !this.extensions) throw new ModelError("extensions-undeclared");
    this.parent.admit(id, status);
    this.#lastId = id;
    this.#missingBytes = sizeBytes;
    if (this.parent.discarding || !this.store.begin(id, sizeBytes, status, extensions)) return;
    this.#progress(extensions.length);
  }

  write(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#checkOpen();
    if (end - start > this.#missingBytes) {
      throw new ModelError(
        "object-overflow",
        `${end - start} payload bytes were written where the object takes ${this.#missingBytes} more.`,
      );
    }
    if (start >= end) return;
    this.#missingBytes -= end - start;
    if (this.parent.discarding || !this.store.append(bytes, start, end, this.#missingBytes)) return;
    this.#progress(end - start);
  }

  writeObject(payload: Uint8Array, options?: { readonly id?: number; readonly extensions?: Uint8Array }): void {
    this.begin(options?.id ?? this.nextId, payload.length, ObjectStatus.normal, options?.extensions);
    this.write(payload);
  }

  finish(): void {
    this.#checkOpen();
    this.#checkComplete();
    this.state = "finished";
    this.#closed();
  }

  reset(code: number, reason?: string): void {
    this.resetWith(code, reason);
  }

  resetWith(code: number | undefined, reason: string | undefined): void {
    if (this.state !== "open") return;
    this.state = "reset";
    this.resetCode = code;
    this.resetReason = reason;
    this.#closed();
  }

  /** Readers are told of each change from here on. */
  attach(reader: Reader): void {
    if (this.#readers === nobody) this.#readers = [reader];
    else reader.slot = this.#readers.push(reader) - 1;
  }

  detach(reader: Reader): void {
    if (this.#readers[reader.slot] !== reader) return;
    const last = this.#readers.pop() as Reader;
    if (last !== reader) {
      this.#readers[reader.slot] = last;
      last.slot = reader.slot;
    }
    if (this.#readers.length === 0) this.#readers = nobody;
  }

  /** Lets go of what is stored and cuts off the readers who miss some of it; gives them back. */
  drop(reason: DropReason): Reader[] {
    const cut = this.#readers.filter((reader) => reader.cut(reason));
    this.#readers = nobody;
    this.store.clear();
    return cut;
  }

  /** Wakes the readers. Backwards, because one may close itself, or others, meanwhile; being woken twice does no harm. */
  wake(): void {
    for (let i = this.#readers.length - 1; i >= 0; i--) call(this.#readers[i]?.onProgress);
  }

  #progress(bytes: number): void {
    for (let i = 0; i < this.#readers.length; i++) (this.#readers[i] as Reader).arrived(bytes);
    this.wake();
  }

  #closed(): void {
    this.parent.subgroupClosed(this);
    this.wake();
  }

  #checkOpen(): void {
    if (this.state !== "open") throw new ModelError("closed", `The subgroup is ${this.state}; nothing can be written.`);
  }

  #checkComplete(): void {
    if (this.#missingBytes === 0) return;
    throw new ModelError(
      "object-incomplete",
      `Object ${this.#lastId} still misses ${this.#missingBytes} bytes of its payload.`,
    );
  }
}
