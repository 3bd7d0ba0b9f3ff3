/** What goes from sender to receiver in the benchmarks of transports, and the numbers that all contenders share. */

/** One endless stream; objects of one stream each; datagrams. */
export type Load = "bulk" | "objects" | "datagrams";

/** What streams and datagrams go over: QUIC as it is, or a WebTransport session on HTTP/3. */
export type Over = "quic" | "web-transport";

/** What a sender is told. `root` and `sha256` are two ways to trust the receiver. */
export interface SenderParameters {
  readonly load: Load;
  readonly port: number;
  /** PEM. */
  readonly root: string;
  /** Of the receiver's certificate, hexadecimal. */
  readonly sha256: string;
  /** Default: QUIC. */
  readonly over?: Over;
}

/** What a receiver is told. */
export interface ReceiverParameters {
  readonly load: Load;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  /** Default: QUIC. */
  readonly over?: Over;
}

export const protocol = "bench";
export const objectBytes = 1200;
/** Fits into a packet of every contender. */
export const datagramBytes = 1100;
/** Objects under way at a time. */
export const objectWindow = 256;
/** Streams a receiver allows: more than the window, since their ends are told late. */
export const streamLimit = 1024;
/** What bulk senders hand over at a time, where they hand over at all. */
export const chunkBytes = 64 * 1024;
/** Silence after which a connection is over: a busy machine makes long pauses. */
export const idleTimeoutMs = 30_000;
