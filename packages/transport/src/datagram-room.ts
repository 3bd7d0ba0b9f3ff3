/** Who waits until fewer datagrams of a connection are queued. */
export class DatagramRoom {
  #waiting: { readonly below: number; readonly resolve: () => void }[] = [];

  /** Resolves when it is told of fewer than `below`, or that it is over. */
  wait(below: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ below, resolve });
    });
  }

  /** The largest number that somebody waits to be passed; 0 when nobody waits. */
  get wanted(): number {
    return this.#waiting.reduce((most, { below }) => Math.max(most, below), 0);
  }

  /** So many are queued now. */
  told(queued: number): void {
    if (this.#waiting.length === 0) return;
    const served = this.#waiting.filter(({ below }) => below > queued);
    this.#waiting = this.#waiting.filter(({ below }) => below <= queued);
    for (const { resolve } of served) resolve();
  }

  /** Nothing is queued any more, and nothing will be. */
  over(): void {
    this.told(-1);
  }
}
