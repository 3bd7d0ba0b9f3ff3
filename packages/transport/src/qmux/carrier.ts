/** What carries the messages of a QMux connection: a WebSocket, of Node or of a browser. And the clock that goes with it. */
import type { SocketAddress } from "../address.ts";

/** One open WebSocket, towards the connection on it. */
export interface Carrier {
  readonly remoteAddress: SocketAddress;
  readonly localAddress: SocketAddress;
  /** Hands a binary message over. The bytes belong to the carrier from now on. */
  send(message: Uint8Array): void;
  /** Several messages follow: they may leave together. */
  cork?(): void;
  uncork?(): void;
  /** Bytes that were handed over and have not left this process. */
  readonly bufferedBytes: number;
  /** Asks the peer's WebSocket for an answer; missing where the platform has no pings. */
  ping?(sequence: number): void;
  /** Reads no more until `resume`; missing where the platform cannot. */
  pause?(): void;
  resume?(): void;
  /** Sends what was handed over, then closes. */
  close(): void;
  /** Closes at once. */
  abort(): void;
  ref?(): void;
  unref?(): void;
}

/** A timer that may be cancelled. */
export interface CarrierTimer {
  cancel(): void;
}

/** The clock and the timers of connections over WebSocket. */
export interface CarrierTimers {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs `task` after `delayMs`, once. It does not keep a process alive. */
  schedule(delayMs: number, task: () => void): CarrierTimer;
}
