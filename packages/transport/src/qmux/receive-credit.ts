/** How much the peer may send over all streams. The older wire has no flow control: what is unread holds TCP back there. */
import type { Carrier } from "./carrier.ts";
import { QmuxError } from "./error.ts";

/** The receiving side of a connection's flow control. */
export class ReceiveCredit {
  readonly #windowBytes: number;
  readonly #carrier: Carrier;
  #received = 0;
  #limit: number;
  #unread = 0;
  #paused = false;

  constructor(windowBytes: number, carrier: Carrier) {
    this.#windowBytes = windowBytes;
    this.#limit = windowBytes;
    this.#carrier = carrier;
  }

  /** So many bytes came on streams. Throws QmuxError if the peer had no credit for them. */
  admit(bytes: number): void {
    this.#received += bytes;
    if (this.#received > this.#limit) {
      throw new QmuxError("FLOW_CONTROL_ERROR", `The peer sent more than the ${this.#limit} bytes of the connection.`);
    }
  }

  /** Everything received is with its sinks: the new limit, if the peer should be told one. */
  renew(): number | undefined {
    if (this.#limit - this.#received > this.#windowBytes / 2) return undefined;
    this.#limit = this.#received + this.#windowBytes;
    return this.#limit;
  }

  /** Without flow control: so many bytes more (or, negative, fewer) are unread. Throws QmuxError where nothing holds the peer. */
  hold(bytes: number): void {
    this.#unread += bytes;
    const limit = this.#windowBytes;
    if (!this.#paused && this.#unread > limit) {
      if (this.#carrier.pause === undefined) {
        const message = `${limit} bytes are unread, and this side cannot make the peer wait.`;
        throw new QmuxError("FLOW_CONTROL_ERROR", message);
      }
      this.#paused = true;
      this.#carrier.pause();
    } else if (this.#paused && this.#unread <= limit / 2) {
      this.#paused = false;
      this.#carrier.resume?.();
    }
  }

  /** The peer is held back. */
  get holding(): boolean {
    return this.#paused;
  }
}
