/**
 * "Port unreachable" from the host of an established connection's peer. One is a hint that anybody on the path can forge.
 * But a peer that is alive answers what we send, so refusals together with silence are believed: the program there is gone,
 * and nobody has to wait for the idle time-out, which starts anew with the first keep-alive into the void.
 */

/** Silence before refusals are believed, in milliseconds: longer than the round trip of any path that carries media. */
const silenceMs = 2000;
/** Packets sent into the silence before refusals are believed; a peer that lives acknowledges at least one. */
const unansweredPackets = 3;

/** The refusals since the peer was last heard. Whoever receives a packet sets `count` to 0. */
export class Refusals {
  count = 0;
  #sinceMicros = 0;
  #sentPackets = 0;

  /** One more. Returns how long the peer has been silent, in milliseconds, once that is to be believed. */
  add(nowMicros: number, sentPackets: number): number | undefined {
    if (this.count++ === 0) {
      this.#sinceMicros = nowMicros;
      this.#sentPackets = sentPackets;
      return undefined;
    }
    const silent = (nowMicros - this.#sinceMicros) / 1000;
    return silent >= silenceMs && sentPackets - this.#sentPackets >= unansweredPackets ? silent : undefined;
  }
}
