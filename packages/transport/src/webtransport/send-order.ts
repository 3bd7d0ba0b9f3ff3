/**
 * How W3C's sendGroup and sendOrder map to sort keys. A key is four u32, the lowest leaves first:
 *
 *   1  a class: 0 is what HTTP/3 itself says and datagrams, 1 is streams
 *   2  0: groups are equal, as W3C asks ("streams of different groups are not ordered to each other")
 *   3, 4  2^63 - 1 - sendOrder: the higher the order, the lower the key
 *
 * Streams with equal keys take turns. Orders of different groups are compared all the same, since a key has no notion of
 * fairness: a user who wants two groups to share a connection gives them orders of the same height.
 */
import type { SortKey } from "../streams.ts";
import type { WebTransportSendStream, WebTransportSendStreamStats } from "./send-stream.ts";

const streamClass = 1;
const highestOrder = 2n ** 63n - 1n;

/** The key of a stream. */
export function sendSortKey(_group: WebTransportSendGroup | null, order: bigint): SortKey {
  const rank = highestOrder - order;
  return [streamClass, 0, Number(rank >> 32n), Number(rank & 0xffff_ffffn)];
}

/** The key of a datagram: before all streams, the higher order first as far as 32 bits tell. */
export function datagramSortKey(order: bigint): SortKey {
  const rank = highestOrder - order;
  return [0, 1, Number(rank >> 32n), Number(rank & 0xffff_ffffn)];
}

/** Streams that are ordered among each other (W3C `WebTransportSendGroup`). */
export class WebTransportSendGroup {
  readonly #streams = new Set<WebTransportSendStream>();

  /** Sums over the group's streams that are open. */
  async getStats(): Promise<WebTransportSendStreamStats> {
    let [bytesWritten, bytesSent, bytesAcknowledged] = [0, 0, 0];
    for (const stream of this.#streams) {
      const counters = stream.counters();
      bytesWritten += counters.bytesWritten;
      bytesSent += counters.bytesSent;
      bytesAcknowledged += counters.bytesAcknowledged;
    }
    return { bytesWritten, bytesSent, bytesAcknowledged };
  }

  /** @internal */
  add(stream: WebTransportSendStream): void {
    this.#streams.add(stream);
  }

  /** @internal */
  remove(stream: WebTransportSendStream): void {
    this.#streams.delete(stream);
  }
}
