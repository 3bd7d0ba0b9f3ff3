/**
 * A track we subscribed to at the peer (moq-transport-14, sections "Subscriptions" and "SUBSCRIBE" to "PUBLISH_DONE"). There
 * is one per track and session however many read it here: the model asks when the first reader comes, and tells when the
 * last one left.
 */

import type {
  Datagram,
  Filter,
  PublishDone,
  RequestedGroupOrder,
  SubgroupHeader,
  SubscribeOk,
} from "@moqingbird/codec";
import { ModelError, type SubgroupProducer, type TrackProducer, type TrackRequest } from "@moqingbird/model";
import { doneCode, requestCode, streamCode } from "./codes.ts";
import type { Core } from "./core.ts";
import { RequestRefused, type SessionError } from "./errors.ts";
import type { RemoteBroadcast } from "./remote-broadcast.ts";
import type { OutgoingRequest } from "./requests.ts";
import type { SubgroupSink } from "./subgroup-sink.ts";
import type { Timer } from "./timers.ts";

/** How a track is asked for. */
export interface SubscribeOptions {
  /** Which objects: default `{ type: "largestObject" }`, which deployed relays serve from the start of the newest group. */
  readonly filter?: Filter | undefined;
  /** Priority among the subscriptions of this session, 0 (most urgent) to 255. Default 128. */
  readonly priority?: number | undefined;
  /** Default "publisher": the publisher's own order. */
  readonly order?: RequestedGroupOrder | undefined;
  /**
   * Time an object is worth having after it reached the publisher, in milliseconds (DELIVERY TIMEOUT); later ones are given
   * up. The lower of this and the publisher's own counts. Default: only the publisher's.
   */
  readonly deliveryTimeoutMs?: number | undefined;
  /** How long the answer may take, in milliseconds. Default: the session's `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** Where subscriptions are kept. */
export interface SubscriptionOwner {
  /** SUBSCRIBE goes out under this request id. */
  subscriptionSent(subscription: UpstreamSubscription, requestId: number): void;
  /** SUBSCRIBE_OK named the alias. @throws Violation when it is in use. */
  aliasKnown(subscription: UpstreamSubscription): void;
  /** It is over; the peer owes us nothing more. */
  subscriptionOver(subscription: UpstreamSubscription): void;
}

const defaultPriority = 128;

export class UpstreamSubscription {
  /** Held, so that everybody who consumes the namespace meanwhile shares it. */
  readonly broadcast: RemoteBroadcast;
  readonly #core: Core;
  readonly #owner: SubscriptionOwner;
  readonly #trackRequest: TrackRequest;
  readonly #options: SubscribeOptions;
  readonly #sinks = new Set<SubgroupSink>();
  #request: OutgoingRequest | undefined;
  #requestId: number | undefined;
  #track: TrackProducer | undefined;
  #trackAlias: number | undefined;
  /** Streams that named this subscription. */
  #streamsSeen = 0;
  /** How objects come: "An Object is received with a different Forwarding Preference": malformed. */
  #mode: "subgroup" | "datagram" | undefined;
  #done: PublishDone | undefined;
  #grace: Timer | undefined;
  #graceOver = false;
  #over = false;

  constructor(
    core: Core,
    owner: SubscriptionOwner,
    broadcast: RemoteBroadcast,
    trackRequest: TrackRequest,
    options: SubscribeOptions,
  ) {
    this.#core = core;
    this.#owner = owner;
    this.broadcast = broadcast;
    this.#trackRequest = trackRequest;
    this.#options = options;
  }

  /** Request id of the SUBSCRIBE; undefined while it waits for one. */
  get requestId(): number | undefined {
    return this.#requestId;
  }

  /** Undefined until SUBSCRIBE_OK. */
  get trackAlias(): number | undefined {
    return this.#trackAlias;
  }

  /** Streams of the peer's that are open. */
  get openStreams(): number {
    return this.#sinks.size;
  }

  /** Sends SUBSCRIBE. */
  begin(): void {
    const core = this.#core;
    const { filter, priority, order, timeoutMs, deliveryTimeoutMs } = this.#options;
    this.#trackRequest.onAbandoned = () => this.leave();
    this.#request = core.requests.open<SubscribeOk>(
      {
        name: "SUBSCRIBE",
        errors: core.wire.errors.subscribe,
        write: (requestId) => {
          this.#requestId = requestId;
          this.#owner.subscriptionSent(this, requestId);
          core.send({
            type: "subscribe",
            requestId,
            namespace: this.broadcast.namespace.fields,
            trackName: this.#trackRequest.name.bytes,
            subscriberPriority: priority ?? defaultPriority,
            groupOrder: order ?? "publisher",
            forward: true,
            filter: filter ?? { type: "largestObject" },
            parameters: deliveryTimeoutMs === undefined ? {} : { deliveryTimeoutMs },
          });
        },
        accepted: (message) => this.#accepted(message),
        failed: (error) => this.#failed(error),
      },
      timeoutMs,
    );
  }

  /** PUBLISH_DONE. "It is likely to arrive at the receiver before late-arriving objects": streams may still come. */
  publishDone(message: PublishDone): void {
    if (this.#over || this.#done) return;
    this.#done = message;
    this.#grace = this.#core.timers.schedule(this.#core.limits.doneGraceMs, () => {
      this.#graceOver = true;
      this.#settle();
    });
    this.#settle();
  }

  /** The peer broke the rules of a track: "MUST UNSUBSCRIBE any subscription ... for that Track". */
  malformed(reason: string): void {
    if (this.#over) return;
    this.#unsubscribe();
    this.#track?.abort(doneCode.malformedTrack, reason);
    this.#finish(streamCode.cancelled);
  }

  /** The session is over. A session that ended without an error ends its tracks as finished. */
  sessionEnded(error: SessionError, clean: boolean): void {
    if (this.#over) return;
    for (const sink of [...this.#sinks]) sink.abandon();
    if (this.#track) {
      if (clean) this.#track.finish();
      else this.#track.abort(doneCode.trackEnded, error.message);
    } else this.#trackRequest.reject(requestCode.internalError, error.message);
    this.#finish(streamCode.sessionClosed);
  }

  // Data

  /** A stream names this subscription; false when it is over. */
  streamOpened(sink: SubgroupSink): boolean {
    if (this.#over) return false;
    this.#streamsSeen++;
    this.#sinks.add(sink);
    return true;
  }

  streamOver(sink: SubgroupSink): void {
    if (this.#sinks.delete(sink)) this.#settle();
  }

  /** @throws ModelError when the track has ended here, or the peer breaks its rules. */
  openSubgroup(header: SubgroupHeader, id: number): SubgroupProducer | undefined {
    const track = this.#track;
    if (!track) return undefined;
    this.#setMode("subgroup");
    const options = {
      priority: header.publisherPriority,
      endOfGroup: header.endOfGroup,
      extensions: header.hasExtensions,
    };
    const group = track.group(header.group);
    try {
      return group.subgroup(id, options);
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== "subgroup-open") throw error;
      // A publisher that resumes a subgroup may be quicker than the reset of the stream before: the newer one counts.
      for (const sink of this.#sinks) {
        const { producer } = sink;
        if (producer?.group === header.group && producer.id === id) sink.stop(streamCode.cancelled);
      }
      return group.subgroup(id, options);
    }
  }

  /** An object datagram; its payload is `bytes[payloadStart..payloadEnd)`. */
  datagram(datagram: Datagram, bytes: Uint8Array): void {
    const track = this.#track;
    if (this.#over || !track) return;
    try {
      this.#setMode("datagram");
      track.datagram({
        group: datagram.group,
        object: datagram.object,
        priority: datagram.publisherPriority,
        status: datagram.status,
        endOfGroup: datagram.endOfGroup,
        extensions: datagram.extensions,
        payload: bytes.subarray(datagram.payloadStart, datagram.payloadEnd),
      });
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (error.code !== "closed") this.malformed(error.message);
    }
  }

  #setMode(mode: "subgroup" | "datagram"): void {
    if (this.#mode === mode) return;
    if (this.#mode !== undefined) {
      throw new ModelError("malformed-track", "The track sends objects both on streams and as datagrams.");
    }
    this.#mode = mode;
  }

  // Answers

  #accepted(message: SubscribeOk): void {
    this.#trackAlias = message.trackAlias;
    if (this.#trackRequest.state !== "open") {
      this.leave();
      return;
    }
    const order = this.#core.profile.alwaysSaysDescending ? undefined : message.groupOrder;
    const { deliveryTimeoutMs, maxCacheDurationMs } = message.parameters;
    const { largest } = message;
    const track = this.#trackRequest.accept({ order, largest, deliveryTimeoutMs, maxCacheDurationMs });
    this.#track = track;
    track.onUnused = () => this.leave();
    this.#owner.aliasKnown(this);
  }

  #failed(error: SessionError | RequestRefused): void {
    if (this.#over) return;
    if (error instanceof RequestRefused) {
      this.#trackRequest.reject(Number(error.wireCode), error.reason || error.message);
    } else {
      // A late SUBSCRIBE_OK must not leave us subscribed.
      if (error.code === "request-timeout") this.#unsubscribe();
      const code = error.code === "request-timeout" ? requestCode.timeout : requestCode.internalError;
      this.#trackRequest.reject(code, error.message);
    }
    this.#finish(streamCode.cancelled);
  }

  // The end

  /** The last reader left, or we go: UNSUBSCRIBE, and the track ends here. */
  leave(): void {
    if (this.#over) return;
    if (!this.#done) this.#unsubscribe();
    if (this.#track) this.#track.finish();
    else if (this.#trackRequest.state === "open") {
      this.#trackRequest.reject(requestCode.internalError, "The subscription was given up.");
    }
    this.#finish(streamCode.cancelled);
  }

  #unsubscribe(): void {
    this.#request?.cancel();
    if (this.#requestId !== undefined) this.#core.send({ type: "unsubscribe", requestId: this.#requestId });
  }

  /**
   * Whether PUBLISH_DONE can take effect. The stream count is believed only when it is reached: deployed publishers send 0
   * whatever they opened, and a stream that was reset before its header is never seen.
   */
  #settle(): void {
    const done = this.#done;
    if (!done || this.#over || this.#sinks.size > 0) return;
    const counted = done.streamCount !== undefined && done.streamCount > 0 && this.#streamsSeen >= done.streamCount;
    if (!counted && !this.#graceOver) return;
    if (this.#isClean(done)) this.#track?.finish();
    else this.#track?.abort(Number(done.status), done.reason);
    this.#finish(streamCode.cancelled);
  }

  #isClean(done: PublishDone): boolean {
    if (done.status === doneCode.trackEnded || done.status === doneCode.subscriptionEnded) return true;
    return this.#core.profile.doneIsZero && done.status === doneCode.internalError && done.reason === "done";
  }

  #finish(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#grace?.cancel();
    this.#trackRequest.onAbandoned = undefined;
    if (this.#track) this.#track.onUnused = undefined;
    for (const sink of [...this.#sinks]) sink.stop(code);
    this.#owner.subscriptionOver(this);
  }
}
