/** Proves in tests that nobody uses a TX slot which is not leased: such slots hold a pattern that must stay. */
import { EngineError } from "./errors.ts";

/** Of no valid packet: a long header without the fixed bit (RFC 9000 section 17.2), version 0xafafafaf. */
const poison = 0xaf;

let pattern = new Uint8Array();

function untouched(length: number): Uint8Array {
  if (pattern.length !== length) pattern = new Uint8Array(length).fill(poison);
  return pattern;
}

/** The leases of one engine's TX slots, as the host sees them. */
export class SlotWatch {
  readonly #views: readonly Uint8Array[];
  readonly #leased: boolean[];
  readonly #poisoned = new Set<number>();

  /** `views`: the whole of each slot. */
  constructor(views: readonly Uint8Array[]) {
    this.#views = views;
    this.#leased = views.map(() => false);
  }

  /** A record of a pump names the slot. */
  lease(slot: number): void {
    this.#leased[slot] = true;
    this.#poisoned.delete(slot);
  }

  /** Overwrites the slot. Throws `slot-misused` when it is not leased. */
  release(slot: number): void {
    this.check(slot);
    this.#leased[slot] = false;
    this.#views[slot]?.fill(poison);
    this.#poisoned.add(slot);
  }

  /** Throws `slot-misused` when the slot is not leased. */
  check(slot: number): void {
    if (!this.#leased[slot]) throw new EngineError("slot-misused", `TX slot ${slot} was used while it was not leased.`);
  }

  /** Throws `slot-misused` when a released slot was written to. */
  verify(): void {
    for (const slot of this.#poisoned) {
      const view = this.#views[slot];
      if (view !== undefined && Buffer.compare(view, untouched(view.length)) !== 0) {
        throw new EngineError("slot-misused", `TX slot ${slot} was written to after its release.`);
      }
    }
    // The engine may build in any of them from here on, and give them back unused.
    this.#poisoned.clear();
  }
}
