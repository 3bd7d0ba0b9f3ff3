/** The subscribing half of a session: tracks asked for at the peer, and the data that comes for them. */

import type { PublishDone, SubscribeOk } from "@moqingbird/codec";
import {
  BroadcastProducer,
  maxFullNameBytes,
  type TrackConsumer,
  type TrackNamespace,
  type TrackRequest,
} from "@moqingbird/model";
import { Aliases, type EarlyData } from "./aliases.ts";
import { charges } from "./budget.ts";
import { closeCode, requestCode, streamCode } from "./codes.ts";
import type { Core } from "./core.ts";
import { SessionError, Violation } from "./errors.ts";
import { RemoteBroadcast } from "./remote-broadcast.ts";
import { SubgroupSink } from "./subgroup-sink.ts";
import { type SubscribeOptions, UpstreamSubscription } from "./subscription.ts";
import type { ReceiveSink, ReceiveStream } from "./transport.ts";

export class Subscriber {
  readonly #core: Core;
  readonly #aliases: Aliases<UpstreamSubscription>;
  readonly #subscriptions = new Set<UpstreamSubscription>();
  readonly #byRequest = new Map<number, UpstreamSubscription>();
  readonly #sinks = new Set<SubgroupSink>();
  /**
   * Broadcasts handed out. Weak: one that nobody holds any more is forgotten, while every holder of a namespace shares the
   * same, so that no track is subscribed to twice on a session.
   */
  readonly #broadcasts = new Map<string, WeakRef<RemoteBroadcast>>();
  readonly #collected = new FinalizationRegistry<string>((key) => {
    if (this.#broadcasts.get(key)?.deref() === undefined) this.#broadcasts.delete(key);
  });

  constructor(core: Core) {
    this.#core = core;
    this.#aliases = new Aliases(core.timers, core.limits, core.account);
  }

  /** Tracks subscribed to, or asked for. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Track aliases in use, remembered or waited for. */
  get aliases(): number {
    return this.#aliases.size;
  }

  /** Bytes held for subscriptions that are not known yet. */
  get heldBytes(): number {
    return this.#aliases.heldBytes;
  }

  /** Data streams of the peer's that are open. */
  get streams(): number {
    return this.#sinks.size;
  }

  /** The namespace of the peer's as a broadcast; the same one as long as anybody holds it. */
  broadcast(namespace: TrackNamespace): RemoteBroadcast {
    if (namespace.length === 0) throw new SessionError("namespace-empty");
    const known = this.#broadcasts.get(namespace.key)?.deref();
    if (known) return known;
    const producer = new BroadcastProducer({ cache: this.#core.cache });
    const broadcast = new RemoteBroadcast(namespace, producer, (request, options) =>
      // The request keeps the broadcast alive, hence shared, for as long as it runs.
      this.#requestTrack(broadcast, request, options),
    );
    this.#broadcasts.set(namespace.key, new WeakRef(broadcast));
    this.#collected.register(broadcast, namespace.key);
    return broadcast;
  }

  subscribe(namespace: TrackNamespace, track: string | Uint8Array, options: SubscribeOptions): TrackConsumer {
    return this.broadcast(namespace).track(track, options);
  }

  // Control messages

  subscribeOk(message: SubscribeOk): void {
    // One we gave up: its data may be on the way already.
    if (!this.#core.requests.accept("SUBSCRIBE", message)) this.#aliases.bury(message.trackAlias);
  }

  publishDone(message: PublishDone): void {
    const subscription = this.#byRequest.get(message.requestId);
    if (subscription?.trackAlias !== undefined) {
      subscription.publishDone(message);
    } else if (subscription || !this.#core.requests.known(message.requestId)) {
      throw new Violation(
        closeCode.protocolViolation,
        `PUBLISH_DONE names request ${message.requestId}, which is no subscription that was accepted.`,
      );
    }
    // Else the subscription ended here meanwhile: the messages crossed.
  }

  /** A PUBLISH was refused: data that comes under its alias is dropped. */
  refuseAlias(alias: number): void {
    this.#aliases.bury(alias);
  }

  // Data

  stream(stream: ReceiveStream): ReceiveSink {
    const { account } = this.#core;
    if (!account.take(charges.stream)) {
      stream.stop(streamCode.internalError);
      return { data() {}, finished() {}, reset() {} };
    }
    const sink = new SubgroupSink(this.#core, this.#aliases, stream, () => {
      if (this.#sinks.delete(sink)) account.give(charges.stream);
    });
    this.#sinks.add(sink);
    return sink;
  }

  datagram(bytes: Uint8Array, start: number, end: number): void {
    const datagram = this.#core.wire.decodeDatagram(bytes, start, end);
    const subscription = this.#aliases.find(datagram.trackAlias);
    if (subscription) {
      subscription.datagram(datagram, bytes);
      return;
    }
    if (this.#aliases.isBuried(datagram.trackAlias)) return;
    const copy = bytes.slice(start, end);
    const held: EarlyData<UpstreamSubscription> = {
      heldBytes: copy.length + charges.chunk,
      release: (owner) => owner.datagram(this.#core.wire.decodeDatagram(copy, 0, copy.length), copy),
      drop: () => {},
    };
    this.#aliases.hold(datagram.trackAlias, held);
  }

  // Subscriptions

  subscriptionSent(subscription: UpstreamSubscription, requestId: number): void {
    this.#byRequest.set(requestId, subscription);
  }

  aliasKnown(subscription: UpstreamSubscription): void {
    if (subscription.trackAlias !== undefined) this.#aliases.add(subscription.trackAlias, subscription);
  }

  subscriptionOver(subscription: UpstreamSubscription): void {
    this.#subscriptions.delete(subscription);
    if (subscription.requestId !== undefined) this.#byRequest.delete(subscription.requestId);
    if (subscription.trackAlias !== undefined) this.#aliases.bury(subscription.trackAlias, subscription);
    this.#core.settled();
  }

  // The end

  /** Ends every subscription of ours: UNSUBSCRIBE, and the tracks end here. */
  unsubscribeAll(): void {
    for (const subscription of [...this.#subscriptions]) subscription.leave();
  }

  /** The session is over. */
  dispose(error: SessionError, clean: boolean): void {
    for (const subscription of [...this.#subscriptions]) subscription.sessionEnded(error, clean);
    for (const sink of [...this.#sinks]) sink.abandon();
    for (const broadcast of this.#broadcasts.values()) broadcast.deref()?.end(clean, error.message);
    this.#broadcasts.clear();
    this.#byRequest.clear();
    this.#aliases.clear();
  }

  #requestTrack(broadcast: RemoteBroadcast, request: TrackRequest, options: SubscribeOptions): void {
    const refusal = this.#core.refusal()?.message ?? tooLong(broadcast.namespace, request.name.bytes);
    if (refusal !== undefined) {
      request.reject(requestCode.internalError, refusal);
      return;
    }
    const subscription = new UpstreamSubscription(this.#core, this, broadcast, request, options);
    this.#subscriptions.add(subscription);
    subscription.begin();
  }
}

/** "The maximum total length of a Full Track Name is 4,096 bytes" (moq-transport-14, section "Track Naming"). */
function tooLong(namespace: TrackNamespace, name: Uint8Array): string | undefined {
  const total = namespace.fields.reduce((sum, field) => sum + field.length, name.length);
  if (total <= maxFullNameBytes) return undefined;
  return `Namespace and track name have ${total} bytes together; at most ${maxFullNameBytes} can be asked for.`;
}
