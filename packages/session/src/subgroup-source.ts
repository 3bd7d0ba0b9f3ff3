/**
 * One subgroup on its way to one subscriber: asked while a packet is being built, it writes headers and payload straight
 * from the store into the packet (moq-transport-14, section "Subgroup Header"). It allocates nothing per object without
 * extensions.
 */

import { noExtensions, type ObjectStatus, type Wire } from "@moqingbird/codec";
import type { SubgroupReader } from "@moqingbird/model";
import { streamCode } from "./codes.ts";
import type { SendSource, SendStream } from "./transport.ts";

/** What a source reports to the subscription it belongs to. */
export interface SubgroupOwner {
  /** An object that began longer ago is not begun to be sent (MAX CACHE DURATION), in milliseconds; 0 for no bound. */
  readonly maxCacheDurationMs: number;
  /** There is something to send. */
  sourceWaits(): void;
  /** The stream is over: acknowledged, reset, stopped, or its connection ended. Once. */
  streamOver(source: SubgroupSource): void;
}

/** One header object for all: it is read before the encoder returns. */
const objectHeader = {
  id: 0,
  sizeBytes: 0,
  status: 0 as ObjectStatus,
  extensions: noExtensions,
};

const noBytes = new Uint8Array(0);

export class SubgroupSource implements SendSource {
  readonly reader: SubgroupReader;
  readonly #wire: Wire;
  readonly #owner: SubgroupOwner;
  readonly #trackAlias: number;
  #stream: SendStream | undefined;
  #streamHeaderMade = false;
  #objectHeaderMade = false;
  #previousId = -1;
  /** A header that did not fit, and how much of it was sent. */
  #carry: Uint8Array = noBytes;
  #carried = 0;
  /** Bytes went out: the peer counts this stream. */
  #started = false;
  /** The transport knows that there is something to send. */
  #awake = false;
  #over = false;
  /** The next object may not be served any more: the stream ends after this packet. */
  #stale = false;

  constructor(owner: SubgroupOwner, wire: Wire, trackAlias: number, reader: SubgroupReader) {
    this.#owner = owner;
    this.#wire = wire;
    this.#trackAlias = trackAlias;
    this.reader = reader;
    reader.onProgress = () => this.#progress();
  }

  /** The stream that asks this source. */
  attach(stream: SendStream): void {
    this.#stream = stream;
    this.#progress();
  }

  /** Whether the peer can have seen the stream. */
  get started(): boolean {
    return this.#started;
  }

  get stream(): SendStream | undefined {
    return this.#stream;
  }

  // SendSource

  get pending(): boolean {
    if (this.#over || this.#stale) return false;
    if (this.#carried < this.#carry.length) return true;
    const { reader } = this;
    if (reader.hasObject) return !this.#objectHeaderMade || reader.availableBytes > 0;
    return !this.#streamHeaderMade && reader.done;
  }

  get finished(): boolean {
    return this.#streamHeaderMade && this.#carried === this.#carry.length && this.reader.done;
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    const { reader } = this;
    const end = offset + max;
    let at = offset;
    if (!this.#streamHeaderMade) at = this.#makeStreamHeader(target, at, end);
    while (at < end) {
      if (this.#carried < this.#carry.length) {
        at += this.#sendCarry(target, at, end);
        continue;
      }
      if (!reader.hasObject || this.#skipStale()) break;
      if (!this.#objectHeaderMade) {
        at = this.#makeObjectHeader(target, at, end);
        continue;
      }
      const count = reader.read(target, at, end - at);
      at += count;
      if (!this.#advance() && count === 0) break;
    }
    // A header that ends exactly with the packet, or an object without payload: move on, so that `finished` is true now.
    this.#advance();
    this.#started = true;
    this.#awake = this.pending;
    if (!this.#awake && (reader.state === "reset" || this.#stale)) this.#progress();
    return at - offset;
  }

  stopped(code: bigint): void {
    this.abandon(code);
  }

  acked(): void {
    this.#end();
  }

  closed(): void {
    this.#end();
  }

  /** Gives the stream up with a code. Costs nothing on the wire when no byte has left. */
  abandon(code: number | bigint): void {
    if (this.#over) return;
    const stream = this.#stream;
    this.#end();
    stream?.reset(code);
  }

  /** The reader has more, or its producer is done with it. */
  #progress(): void {
    const { reader } = this;
    if (this.#over || !this.#stream) return;
    if (reader.dropped !== undefined || this.#stale) {
      this.abandon(streamCode.deliveryTimeout);
    } else if (this.pending || this.finished) {
      if (this.#awake) return;
      this.#awake = true;
      this.#stream.activate();
      this.#owner.sourceWaits();
    } else if (reader.state === "reset") {
      // What was stored before the reset is sent first; then the code goes on as it came.
      this.abandon(reader.resetCode ?? streamCode.internalError);
    }
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.reader.onProgress = undefined;
    this.reader.close();
    this.#owner.streamOver(this);
  }

  /** Moves past an object that was sent in full. */
  #advance(): boolean {
    const { reader } = this;
    if (!this.#objectHeaderMade || !reader.hasObject) return false;
    if (reader.positionBytes < reader.objectSizeBytes) return false;
    const id = reader.objectId;
    if (!reader.next()) return false;
    this.#previousId = id;
    this.#objectHeaderMade = false;
    return true;
  }

  /**
   * Passes over objects that are too old to be begun. False when one that is not stands at the cursor. Behind objects that
   * were sent there can be no gap, so the stream is given up instead.
   */
  #skipStale(): boolean {
    const { reader } = this;
    const { maxCacheDurationMs } = this.#owner;
    if (maxCacheDurationMs === 0 || this.#objectHeaderMade) return false;
    while (reader.hasObject && reader.objectAgeMs > maxCacheDurationMs) {
      if (this.#previousId >= 0 || !reader.next()) {
        this.#stale = true;
        return true;
      }
    }
    return !reader.hasObject;
  }

  #makeStreamHeader(target: Uint8Array, at: number, end: number): number {
    const { reader } = this;
    const header = {
      trackAlias: this.#trackAlias,
      group: reader.group,
      subgroup: reader.subgroup,
      publisherPriority: reader.priority,
      hasExtensions: reader.extensions,
      endOfGroup: reader.endOfGroup,
    };
    this.#streamHeaderMade = true;
    const written = this.#wire.encodeSubgroupHeader(target, at, end, header);
    if (written > 0) return at + written;
    const whole = new Uint8Array(this.#wire.maxSubgroupHeaderBytes);
    this.#keep(whole.subarray(0, this.#wire.encodeSubgroupHeader(whole, 0, whole.length, header)));
    return at;
  }

  #makeObjectHeader(target: Uint8Array, at: number, end: number): number {
    const { reader } = this;
    objectHeader.id = reader.objectId;
    objectHeader.sizeBytes = reader.objectSizeBytes;
    objectHeader.status = reader.objectStatus;
    objectHeader.extensions = reader.extensionBytes === 0 ? noExtensions : reader.objectExtensions();
    this.#objectHeaderMade = true;
    const { extensions } = reader;
    const written = this.#wire.encodeObjectHeader(target, at, end, this.#previousId, extensions, objectHeader);
    if (written > 0) return at + written;
    const whole = new Uint8Array(this.#wire.objectHeaderSize(this.#previousId, extensions, objectHeader));
    this.#wire.encodeObjectHeader(whole, 0, whole.length, this.#previousId, extensions, objectHeader);
    this.#keep(whole);
    return at;
  }

  #keep(bytes: Uint8Array): void {
    this.#carry = bytes;
    this.#carried = 0;
  }

  #sendCarry(target: Uint8Array, at: number, end: number): number {
    const count = Math.min(end - at, this.#carry.length - this.#carried);
    target.set(this.#carry.subarray(this.#carried, this.#carried + count), at);
    this.#carried += count;
    if (this.#carried === this.#carry.length) this.#keep(noBytes);
    return count;
  }
}
