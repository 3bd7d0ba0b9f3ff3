/**
 * Handshakes a listener turned down, at a rate that a log bears: whoever floods a port must not flood what is written about
 * it. What goes untold is counted.
 */
import type { SocketAddress } from "../address.ts";
import type { CloseInfo } from "../connection.ts";

/** Rejections told in a burst, and as many again each second. */
const perSecond = 10;

/** A handshake that failed on the server's side. */
export interface Rejection {
  /** Who tried; undefined when it is forgotten already. May be forged: nothing was proven yet. */
  readonly remoteAddress: SocketAddress | undefined;
  /** Why: QUIC or TLS code, without `error`. Code 0x2 (CONNECTION_REFUSED): no room. */
  readonly info: CloseInfo;
  /** Rejections before this one that went untold, because there were more than ten in a second. */
  readonly untold: number;
}

/** A bucket of tokens that fills with time. */
export class RejectionRate {
  #tokens = perSecond;
  #filledMicros = 0;
  #untold = 0;

  /** One more rejection: how many before it went untold, or undefined when it goes untold itself. */
  take(nowMicros: number): number | undefined {
    const filled = ((nowMicros - this.#filledMicros) / 1_000_000) * perSecond;
    this.#tokens = Math.min(perSecond, this.#tokens + Math.max(0, filled));
    this.#filledMicros = nowMicros;
    if (this.#tokens < 1) {
      this.#untold++;
      return undefined;
    }
    this.#tokens--;
    const untold = this.#untold;
    this.#untold = 0;
    return untold;
  }
}
