/**
 * Subgroups: the objects of a group that share one stream (moq-transport-14, section "Subgroups"). This file holds the
 * writing side and the stored state; `reader.ts` holds the cursors.
 */
import type { ObjectStatus } from "./object.ts";

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
