/**
 * Streams and datagrams of sessions that are not there yet: they may arrive before the CONNECT that makes theirs, or before
 * it is answered (draft-ietf-webtrans-http3-16 section 4.6). Bounded; the oldest give way.
 */
import { EarlySink } from "../early-sink.ts";
import type { QuicStream } from "../quic/quic-stream.ts";
import type { ReceiveSink } from "../streams.ts";
import { http3Code, shownCode } from "./codes.ts";

/** How much waits at most on one connection. */
export interface ParkingLimits {
  readonly streams: number;
  readonly streamBytes: number;
  readonly datagrams: number;
}

export const defaultParkingLimits: ParkingLimits = { streams: 64, streamBytes: 1_048_576, datagrams: 64 };

interface Parked {
  readonly stream: QuicStream;
  readonly sink: ParkedSink;
}

/** Whoever waits on one connection. */
export class Parking {
  readonly #limits: ParkingLimits;
  /** In the order of arrival. */
  readonly #streams = new Map<Parked, number>();
  #bytes = 0;
  readonly #datagrams: { readonly session: number; readonly payload: Uint8Array }[] = [];

  constructor(limits: ParkingLimits = defaultParkingLimits) {
    this.#limits = limits;
  }

  /** Takes in a stream of session `id` and returns who gathers its bytes. */
  park(id: number, stream: QuicStream): ReceiveSink {
    if (this.#streams.size >= this.#limits.streams) this.#rejectOldest();
    stream.autoCredit = false;
    const parked: Parked = {
      stream,
      sink: new ParkedSink((count) => {
        this.#bytes += count;
        while (this.#bytes > this.#limits.streamBytes) this.#rejectOldest();
      }),
    };
    this.#streams.set(parked, id);
    return parked.sink;
  }

  parkDatagram(session: number, payload: Uint8Array): void {
    if (this.#datagrams.length >= this.#limits.datagrams) this.#datagrams.shift();
    this.#datagrams.push({ session, payload });
  }

  /** The session is there: its streams go to `accept`, which returns their sinks, and its datagrams to `datagram`. */
  release(id: number, accept: (stream: QuicStream) => ReceiveSink, datagram: (payload: Uint8Array) => void): void {
    for (const parked of this.#take(id)) {
      parked.stream.autoCredit = true;
      const sink = accept(parked.stream);
      parked.stream.setSink(sink);
      parked.sink.replay(parked.stream, sink);
    }
    for (let i = 0; i < this.#datagrams.length; ) {
      const { session, payload } = this.#datagrams[i]!;
      if (session !== id) i++;
      else {
        this.#datagrams.splice(i, 1);
        datagram(payload);
      }
    }
  }

  /** The session will not be there: its streams end. */
  reject(id: number): void {
    for (const { stream } of this.#take(id)) stream.abandon(http3Code("WT_BUFFERED_STREAM_REJECTED"));
    for (let i = this.#datagrams.length - 1; i >= 0; i--) {
      if (this.#datagrams[i]!.session === id) this.#datagrams.splice(i, 1);
    }
  }

  /** The connection is over. */
  clear(): void {
    this.#streams.clear();
    this.#datagrams.length = 0;
    this.#bytes = 0;
  }

  #take(id: number): Parked[] {
    const taken: Parked[] = [];
    for (const [parked, session] of this.#streams) {
      if (session !== id) continue;
      this.#streams.delete(parked);
      this.#bytes -= parked.sink.bytes;
      taken.push(parked);
    }
    return taken;
  }

  #rejectOldest(): void {
    const [oldest] = this.#streams.keys();
    if (oldest === undefined) return;
    this.#streams.delete(oldest);
    this.#bytes -= oldest.sink.bytes;
    oldest.stream.abandon(http3Code("WT_BUFFERED_STREAM_REJECTED"));
  }
}

class ParkedSink extends EarlySink {
  bytes = 0;
  readonly #counted: (count: number) => void;

  constructor(counted: (count: number) => void) {
    super();
    this.#counted = counted;
  }

  override data(bytes: Uint8Array, start: number, end: number): void {
    super.data(bytes, start, end);
    this.bytes += end - start;
    this.#counted(end - start);
  }

  /** The stream has no session yet that would map its codes. */
  override reset(code: bigint): void {
    super.reset(shownCode(code));
  }
}
