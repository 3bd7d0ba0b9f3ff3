/**
 * Packets sent and not acknowledged, so that a lost one can be named: the engine tells how many were given up, and loss
 * detection gives up those longest under way first (RFC 9002 section 6.1).
 */
import type { PacketType } from "./packet-header.ts";

/** A packet of which nothing was heard. */
export interface SentPacket {
  readonly type: PacketType;
  readonly packetNumber: number;
  readonly bytes: number;
}

/** Packets remembered per number space; of more the oldest are forgotten. Packets that are never acknowledged pile up. */
const maxRemembered = 16_384;

/** By packet number space (RFC 9000 section 12.3): 0-RTT and 1-RTT packets share one. */
export class OutstandingPackets {
  readonly #spaces = { initial: new Space(), handshake: new Space(), data: new Space() };

  sent(packet: SentPacket): void {
    const { packets } = this.#space(packet.type);
    packets.set(packet.packetNumber, packet);
    if (packets.size <= maxRemembered) return;
    for (const oldest of packets.keys()) {
      packets.delete(oldest);
      return;
    }
  }

  /** An ACK frame came in a packet of this type. */
  acked(type: PacketType, ranges: readonly (readonly [number, number])[]): void {
    const space = this.#space(type);
    const ascending = [...ranges].reverse();
    let at = 0;
    for (const packetNumber of space.packets.keys()) {
      while (at < ascending.length && packetNumber > (ascending[at]?.[1] ?? 0)) at++;
      const range = ascending[at];
      if (range === undefined) break;
      if (packetNumber >= range[0]) space.packets.delete(packetNumber);
    }
    space.largestAcked = Math.max(space.largestAcked, ranges[0]?.[1] ?? -1);
  }

  /** The packets that were given up: the oldest with a younger one acknowledged. May be fewer than asked for. */
  lost(count: number): SentPacket[] {
    const lost: SentPacket[] = [];
    for (const { packets, largestAcked } of Object.values(this.#spaces)) {
      for (const packet of packets.values()) {
        if (lost.length === count) return lost;
        if (packet.packetNumber >= largestAcked) break;
        packets.delete(packet.packetNumber);
        lost.push(packet);
      }
    }
    return lost;
  }

  #space(type: PacketType): Space {
    return this.#spaces[type === "initial" || type === "handshake" ? type : "data"];
  }
}

class Space {
  /** In ascending order. */
  readonly packets = new Map<number, SentPacket>();
  largestAcked = -1;
}
