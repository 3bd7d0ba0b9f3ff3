import { handleIndex } from "@moqingbird/engine";

/** Objects by the engine's generational handles: a handle that died finds nothing, though its slot is in use again. */
export class HandleTable<T extends { readonly handle: number }> {
  readonly #entries: (T | undefined)[] = [];
  /** The handle of each entry, so that a look-up touches no object that is not wanted. */
  readonly #handles: number[] = [];

  add(entry: T): void {
    const index = handleIndex(entry.handle);
    while (this.#entries.length <= index) {
      this.#entries.push(undefined);
      this.#handles.push(0);
    }
    this.#entries[index] = entry;
    this.#handles[index] = entry.handle;
  }

  get(handle: number): T | undefined {
    const index = handleIndex(handle);
    return this.#handles[index] === handle ? this.#entries[index] : undefined;
  }

  /** Forgets `entry`, unless another has its slot already. */
  delete(entry: T): void {
    const index = handleIndex(entry.handle);
    if (this.#entries[index] === entry) this.#entries[index] = undefined;
  }

  /** Empties the table into the list that is returned. */
  drain(): T[] {
    this.#handles.length = 0;
    return this.#entries.splice(0).filter((entry) => entry !== undefined);
  }
}
