/** Groups: a join point of a track; a set of subgroups (moq-transport-14, section "Groups"). */
import type { SubgroupOptions, SubgroupProducer } from "./subgroup.ts";

/** Writes one group. */
export interface GroupProducer {
  readonly id: number;
  /** No subgroup can be opened any more. */
  readonly finished: boolean;
  /** The cache dropped the group: what is written to it is thrown away. */
  readonly discarding: boolean;
  /**
   * Opens a subgroup. Several may be open at once. A closed one may be opened again under its id, as a publisher does
   * that resumes after a reset: readers get it as another subgroup reader.
   * @throws ModelError `subgroup-open`, `closed`, `option-invalid`.
   */
  subgroup(id: number, options?: SubgroupOptions): SubgroupProducer;
  /** Writes a whole object to subgroup 0, which is opened on first use. For groups of one stream. */
  writeObject(payload: Uint8Array): void;
  /** No further subgroup follows; finishes subgroup 0 if `writeObject` opened it. Others finish on their own. */
  finish(): void;
  /** Resets every open subgroup with a raw code. */
  reset(code: number, reason?: string): void;
}
