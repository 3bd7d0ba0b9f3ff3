/** Objects that travel as datagrams, one each (moq-transport-14, section "Object Datagram"). */
import type { ObjectStatus } from "./object.ts";

/** An object whose forwarding preference is Datagram. The payload is the model's own copy: read it, do not write to it. */
export interface Datagram {
  readonly group: number;
  readonly object: number;
  /** Publisher priority, 0 (most urgent) to 255. */
  readonly priority: number;
  readonly status: ObjectStatus;
  /** The datagram said that it is the last object of its group. */
  readonly endOfGroup: boolean;
  /** Raw extension headers; empty for none. */
  readonly extensions: Uint8Array;
  readonly payload: Uint8Array;
}

/** What a producer says of a datagram; bytes are copied. */
export interface DatagramOptions {
  readonly group: number;
  readonly object: number;
  /** Default: the track's priority. */
  readonly priority?: number | undefined;
  /** Default: normal. */
  readonly status?: ObjectStatus | undefined;
  readonly endOfGroup?: boolean | undefined;
  readonly extensions?: Uint8Array | undefined;
  readonly payload?: Uint8Array | undefined;
}
