/**
 * One data stream of the peer's: from bytes to the model's subgroup, without a copy but the stored one
 * (moq-transport-14, sections "Subgroup Header" and "Closing Subgroup Streams").
 */

import {
  CodecError,
  type DataStreamDecoder,
  type DataStreamVisitor,
  type FetchHeader,
  type ObjectHeader,
  type SubgroupHeader,
} from "@moqingbird/codec";
import { ModelError, type SubgroupProducer } from "@moqingbird/model";
import type { Aliases, EarlyData } from "./aliases.ts";
import { charges } from "./budget.ts";
import { closeCode, streamCode } from "./codes.ts";
import type { Core } from "./core.ts";
import { Violation } from "./errors.ts";
import type { UpstreamSubscription } from "./subscription.ts";
import type { ReceiveSink, ReceiveStream } from "./transport.ts";

export class SubgroupSink implements ReceiveSink, DataStreamVisitor, EarlyData<UpstreamSubscription> {
  readonly #core: Core;
  readonly #aliases: Aliases<UpstreamSubscription>;
  readonly #stream: ReceiveStream;
  readonly #decoder: DataStreamDecoder;
  readonly #onOver: () => void;
  #header: SubgroupHeader | undefined;
  #subscription: UpstreamSubscription | undefined;
  #producer: SubgroupProducer | undefined;
  /** Bytes that came before the subscription did; undefined when nothing is held. */
  #held: Uint8Array[] | undefined;
  heldBytes = 0;
  /** Delivered bytes whose credit the peer has not got back. */
  #uncredited = 0;
  /** Charged for a header of which the rest has not come. */
  #partialBytes = 0;
  #heldEnd: "open" | "finished" = "open";
  #over = false;

  /** @param onOver called once, when nothing more comes of the stream. */
  constructor(core: Core, aliases: Aliases<UpstreamSubscription>, stream: ReceiveStream, onOver: () => void) {
    this.#core = core;
    this.#aliases = aliases;
    this.#stream = stream;
    this.#onOver = onOver;
    this.#decoder = core.wire.createDataStreamDecoder();
  }

  /** The group, once the header is known. */
  get group(): number | undefined {
    return this.#header?.group;
  }

  get producer(): SubgroupProducer | undefined {
    return this.#producer;
  }

  // ReceiveSink

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over || this.#core.over) return;
    try {
      if (this.#held) this.#hold(bytes, start, end);
      else this.#push(bytes, start, end);
      if (this.#held) this.#uncredited += end - start;
    } catch (error) {
      this.#core.fail(error);
    }
  }

  finished(): void {
    if (this.#over || this.#core.over) return;
    if (this.#held) {
      this.#heldEnd = "finished";
      return;
    }
    try {
      this.#decoder.finish();
      this.#producer?.finish();
      this.#end();
    } catch (error) {
      // "If a stream ends gracefully in the middle of a serialized Object, the session SHOULD be terminated."
      if (error instanceof ModelError) this.#broken(error);
      else if (this.#isCut(error)) this.#cut();
      else this.#core.fail(error);
    }
  }

  #isCut(error: unknown): boolean {
    return this.#core.profile.finCutsObjects && error instanceof CodecError && error.code === "stream-truncated";
  }

  #cut(): void {
    this.#producer?.reset(streamCode.internalError, "The publisher ended the stream inside an object.");
    this.#end();
  }

  reset(code: bigint): void {
    this.#producer?.reset(Number(code), "The publisher reset the stream.");
    this.#end();
  }

  /** The connection ended first: the subgroup is cut, or whoever reads it here would wait for ever. */
  closed(): void {
    this.abandon();
  }

  /** Wants no more of it: STOP_SENDING, and the subgroup ends as reset. */
  stop(code: number): void {
    if (this.#over) return;
    this.#producer?.reset(code, "The stream was stopped here.");
    this.#end();
    this.#stream.stop(code);
  }

  /** The session ended under it. */
  abandon(): void {
    if (this.#over) return;
    this.#producer?.reset(streamCode.sessionClosed, "The publisher's session ended.");
    this.#end();
  }

  // EarlyData

  release(subscription: UpstreamSubscription): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.heldBytes = 0;
    this.#stream.autoCredit = true;
    this.#stream.credit(this.#uncredited);
    this.#uncredited = 0;
    try {
      this.#join(subscription);
      for (const bytes of held) if (!this.#over) this.#push(bytes, 0, bytes.length);
    } catch (error) {
      this.#core.fail(error);
      return;
    }
    if (this.#heldEnd === "finished") this.finished();
  }

  drop(): void {
    this.#held = undefined;
    this.stop(streamCode.cancelled);
  }

  // DataStreamVisitor

  subgroup(header: SubgroupHeader): void {
    this.#header = header;
    const subscription = this.#aliases.find(header.trackAlias);
    if (subscription) {
      this.#join(subscription);
    } else if (this.#aliases.isBuried(header.trackAlias)) {
      this.#decoder.pause();
      this.stop(streamCode.cancelled);
    } else {
      // The SUBSCRIBE_OK may still be under way. What comes now is held, and the peer gets no credit for it.
      this.#decoder.pause();
      this.#stream.autoCredit = false;
      this.#held = [];
      if (!this.#aliases.hold(header.trackAlias, this)) this.drop();
    }
  }

  object(header: ObjectHeader): void {
    try {
      this.#producer ??= this.#openProducer(header.id);
      if (this.#producer?.discarding) {
        this.#decoder.pause();
        this.stop(streamCode.cancelled);
        return;
      }
      this.#producer?.begin(header.id, header.sizeBytes, header.status, header.extensions);
    } catch (error) {
      this.#broken(error);
    }
  }

  payload(bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#producer?.write(bytes, start, end);
    } catch (error) {
      this.#broken(error);
    }
  }

  fetch(header: FetchHeader): void {
    throw new Violation(
      closeCode.protocolViolation,
      `A fetch stream answers request ${header.requestId}; this side has sent no FETCH.`,
    );
  }

  fetchObject(): void {}

  #push(bytes: Uint8Array, start: number, end: number): void {
    const position = this.#decoder.push(bytes, start, end, this);
    if (!this.#over && !this.#chargePartial()) {
      this.#decoder.pause();
      this.stop(streamCode.internalError);
      return;
    }
    if (this.#held && position < end) this.#hold(bytes, position, end);
  }

  /** A header that is cut is kept until the rest comes, with extension headers of up to 64 KiB. */
  #chargePartial(): boolean {
    const bytes = this.#decoder.bufferedBytes;
    const more = bytes - this.#partialBytes;
    if (more === 0) return true;
    if (more < 0) this.#core.account.give(-more);
    else if (!this.#core.account.take(more)) return false;
    this.#partialBytes = bytes;
    return true;
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    const header = this.#header;
    if (!this.#held || !header) return;
    const more = end - start + charges.chunk;
    if (!this.#aliases.grow(more)) {
      this.drop();
      return;
    }
    this.heldBytes += more;
    this.#held.push(bytes.slice(start, end));
  }

  #join(subscription: UpstreamSubscription): void {
    this.#subscription = subscription;
    if (!subscription.streamOpened(this)) {
      this.#decoder.pause();
      this.stop(streamCode.cancelled);
      return;
    }
    // Without an explicit id, the first object's is the subgroup's.
    if (this.#header?.subgroup === undefined) return;
    try {
      this.#producer = this.#openProducer(this.#header.subgroup);
    } catch (error) {
      this.#broken(error);
    }
  }

  #openProducer(firstId: number): SubgroupProducer | undefined {
    const header = this.#header;
    if (!header || !this.#subscription) return undefined;
    return this.#subscription.openSubgroup(header, header.subgroup ?? firstId);
  }

  /** The model does not take what the peer sent: the track ended here, or it is malformed. */
  #broken(error: unknown): void {
    this.#decoder.pause();
    const subscription = this.#subscription;
    this.stop(streamCode.cancelled);
    if (!(error instanceof ModelError)) {
      this.#core.fail(error);
    } else if (error.code !== "closed") {
      subscription?.malformed(error.message);
    }
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#header && !this.#subscription) this.#aliases.forget(this.#header.trackAlias, this);
    this.#held = undefined;
    this.#core.account.give(this.#partialBytes);
    this.#partialBytes = 0;
    this.#subscription?.streamOver(this);
    this.#onOver();
  }
}
