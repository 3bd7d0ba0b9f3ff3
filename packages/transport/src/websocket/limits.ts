/** Limits that client and server of WebSockets share. */
import type { WireVersion } from "../qmux/versions.ts";

/** Above what a record may have, so that a larger one is answered with the code of QMux. */
const recordPayloadBytes = 65_536;
/** Peers of the older wire put whatever they were given into one message. */
const olderPayloadBytes = 8_388_608;

/** Longest message that is taken off the wire at all. */
export function maxPayloadOf(wire: WireVersion): number {
  return wire === "webtransport" ? olderPayloadBytes : recordPayloadBytes;
}
