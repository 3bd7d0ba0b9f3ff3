/**
 * A track as served to one subscriber of the peer's (moq-transport-14, sections "Subscriptions" and "SUBSCRIBE" to
 * "PUBLISH_DONE"): one stream per subgroup, datagrams as datagrams, PUBLISH_DONE when all of it was acknowledged.
 *
 * A subscriber that reads slowly holds no memory of its own: what it has not read lives in the cache, and when the cache
 * drops a group its streams are given up.
 */

import { type Filter, type GroupOrder, noExtensions, type Subscribe, type SubscribeUpdate } from "@moqingbird/codec";
import {
  compareLocations,
  type Datagram,
  type Ending,
  type Location,
  type SubgroupReader,
  type SubscriptionStart,
  type TrackConsumer,
  type TrackNamespace,
  type TrackSubscription,
} from "@moqingbird/model";
import { closeCode, doneCode, requestCode, streamCode } from "./codes.ts";
import type { Core } from "./core.ts";
import { Violation } from "./errors.ts";
import { Expiry, lowerTimeout } from "./expiry.ts";
import { dataSortKey, GroupClock } from "./sort-keys.ts";
import { SubgroupSource } from "./subgroup-source.ts";
import type { Timer } from "./timers.ts";
import type { SortKey } from "./transport.ts";

/** Where served subscriptions are kept. */
export interface ServingOwner {
  /** The subscription is over and the peer was told, or told us. Once. */
  subscriptionOver(subscription: ServedSubscription): void;
  /** The track of whoever publishes the namespace by now. */
  successor(namespace: TrackNamespace, trackName: Uint8Array): TrackConsumer | undefined;
}

const start: Location = { group: 0, object: 0 };

export class ServedSubscription {
  readonly requestId: number;
  readonly namespace: TrackNamespace;
  /** Full track name, for maps. */
  readonly key: string;
  /** What its keeping was charged for. */
  readonly chargedBytes: number;
  readonly #core: Core;
  readonly #owner: ServingOwner;
  readonly #trackName: Uint8Array;
  #consumer: TrackConsumer;
  readonly #filter: Filter;
  readonly #requestedOrder: Subscribe["groupOrder"];
  readonly #clock: GroupClock;
  readonly #sources = new Set<SubgroupSource>();
  readonly #expiry: Expiry;
  /** The subscriber's own delivery timeout. */
  #wantedTimeoutMs: number | undefined;
  #priority: number;
  #forward: boolean;
  #order: GroupOrder = "ascending";
  /** What the peer may still narrow. */
  #start: Location = start;
  #endGroup: number | undefined;
  #subscription: TrackSubscription | undefined;
  /** Streams that began, for PUBLISH_DONE. */
  #streamCount = 0;
  /** The largest group a stream was opened for. */
  #newestGroup = -1;
  #sentDatagrams = false;
  #ending: Ending | undefined;
  #answerTimer: Timer | undefined;
  #accepted = false;
  #over = false;

  constructor(
    core: Core,
    owner: ServingOwner,
    message: Subscribe,
    namespace: TrackNamespace,
    key: string,
    consumer: TrackConsumer,
    chargedBytes: number,
  ) {
    this.#core = core;
    this.#owner = owner;
    this.requestId = message.requestId;
    this.namespace = namespace;
    this.key = key;
    this.chargedBytes = chargedBytes;
    this.#trackName = message.trackName;
    this.#consumer = consumer;
    this.#filter = message.filter;
    this.#requestedOrder = message.groupOrder;
    this.#priority = message.subscriberPriority;
    this.#forward = message.forward;
    this.#clock = new GroupClock(core.timers.now);
    this.#expiry = new Expiry(core.timers, this.#sources);
    this.#wantedTimeoutMs = message.parameters.deliveryTimeoutMs;
  }

  /** The alias on the wire. Request ids are unique in a session, so they serve as aliases too. */
  get trackAlias(): number {
    return this.requestId;
  }

  /** Streams open towards the peer. */
  get openStreams(): number {
    return this.#sources.size;
  }

  /** Answers as soon as the publisher of the track has. */
  begin(): void {
    if (this.#consumer.state !== "requested") {
      this.#answer();
      return;
    }
    this.#consumer.onAnswer = () => this.#answer();
    this.#answerTimer = this.#core.timers.schedule(this.#core.limits.requestTimeoutMs, () =>
      this.#refuse(requestCode.timeout, "The publisher did not answer in time."),
    );
  }

  /** SUBSCRIBE_UPDATE: narrows the range, changes priority and forwarding. */
  update(message: SubscribeUpdate): void {
    const endGroup = message.endGroup;
    const widens =
      compareLocations(message.start, this.#start) < 0 ||
      (this.#endGroup !== undefined && (endGroup === undefined || endGroup > this.#endGroup));
    if (widens) {
      throw new Violation(
        closeCode.protocolViolation,
        `SUBSCRIBE_UPDATE widens subscription ${this.requestId}; it may only narrow it.`,
      );
    }
    this.#start = message.start;
    this.#endGroup = endGroup;
    this.#priority = message.subscriberPriority;
    this.#wantedTimeoutMs = message.parameters.deliveryTimeoutMs ?? this.#wantedTimeoutMs;
    if (this.#over || !this.#accepted) {
      this.#forward = message.forward;
      return;
    }
    this.#expiry.timeoutMs = lowerTimeout(this.#wantedTimeoutMs, this.#consumer.deliveryTimeoutMs);
    this.#subscription?.update({ start: this.#start, endGroup: this.#endGroup });
    for (const source of this.#sources) {
      const { group } = source.reader;
      if (group < this.#start.group || (endGroup !== undefined && group > endGroup)) {
        source.abandon(streamCode.cancelled);
      } else source.stream?.setSortKey(this.#keyOf(source.reader));
    }
    if (message.forward !== this.#forward) this.#setForward(message.forward);
  }

  /** UNSUBSCRIBE: the state goes, open streams are reset. */
  unsubscribe(): void {
    this.#finish(streamCode.cancelled);
  }

  /** Ends it from our side: streams are reset, PUBLISH_DONE tells why. */
  end(status: number, reason: string): void {
    if (this.#over) return;
    if (!this.#accepted) {
      this.#refuse(requestCode.internalError, reason);
      return;
    }
    for (const source of this.#sources) source.abandon(streamCode.cancelled);
    this.#sendDone(status, reason);
  }

  /** The session is over: nothing can be sent any more. */
  dispose(): void {
    this.#finish(streamCode.sessionClosed);
  }

  // The track answers

  #answer(): void {
    if (this.#over) return;
    this.#answerTimer?.cancel();
    this.#consumer.onAnswer = undefined;
    const { state, ending } = this.#consumer;
    if (state === "rejected") {
      // Nothing was delivered yet, so whoever took the namespace over can be asked in the former's place.
      const next = ending?.code === "replaced" ? this.#owner.successor(this.namespace, this.#trackName) : undefined;
      if (next) {
        this.#consumer.close();
        this.#consumer = next;
        this.begin();
        return;
      }
      const code = ending?.wireCode ?? (ending?.code === "not-found" ? requestCode.trackDoesNotExist : undefined);
      this.#refuse(code ?? requestCode.internalError, ending?.reason ?? "The track was refused.");
      return;
    }
    const wrong = this.#rangeProblem();
    if (wrong !== undefined) {
      this.#refuse(requestCode.invalidRange, wrong);
      return;
    }
    this.#accept();
  }

  #accept(): void {
    const { largest, order, deliveryTimeoutMs, maxCacheDurationMs } = this.#consumer;
    this.#accepted = true;
    this.#expiry.timeoutMs = lowerTimeout(this.#wantedTimeoutMs, deliveryTimeoutMs);
    if (this.#core.profile.ascendingGroupsOnly) this.#order = "ascending";
    else this.#order = this.#requestedOrder === "publisher" ? order : this.#requestedOrder;
    this.#start = this.#firstLocation(largest);
    if (this.#filter.type === "absoluteRange") this.#endGroup = this.#filter.endGroup;
    this.#core.send({
      type: "subscribeOk",
      requestId: this.requestId,
      trackAlias: this.trackAlias,
      expiresMs: 0,
      groupOrder: this.#order,
      ...(largest && { largest }),
      // "The publisher SHOULD always specify the value received from an upstream subscription when there is one."
      parameters: {
        ...(deliveryTimeoutMs !== undefined && { deliveryTimeoutMs }),
        ...(maxCacheDurationMs !== undefined && { maxCacheDurationMs }),
      },
    });
    if (this.#forward) this.#subscribe(this.#startOf(this.#filter));
    else if (this.#consumer.state === "ended") this.#endedWith(this.#consumer.ending);
  }

  #refuse(code: number, reason: string): void {
    if (this.#over) return;
    this.#core.send({ type: "subscribeError", requestId: this.requestId, errorCode: code, reason });
    this.#finish(streamCode.cancelled);
  }

  /** "If a publisher cannot satisfy the requested start or end or if the end has already been published": INVALID_RANGE. */
  #rangeProblem(): string | undefined {
    const filter = this.#filter;
    if (filter.type !== "absoluteRange") return undefined;
    if (filter.endGroup < filter.start.group) {
      return `The range ends at group ${filter.endGroup}, before its start ${filter.start.group}.`;
    }
    const { largest } = this.#consumer;
    if (largest && largest.group > filter.endGroup) {
      return `The range ends at group ${filter.endGroup}; the track is at group ${largest.group} already.`;
    }
    return undefined;
  }

  /**
   * The filter as a start in the model. Largest Object is served from object 0 of the newest group, so that a late
   * subscriber has something to decode: deployed subscribers send no other filter, and deployed relays do the same.
   */
  #startOf(filter: Filter): SubscriptionStart {
    switch (filter.type) {
      case "largestObject":
        return "newest-group";
      case "nextGroupStart":
        return "next-group";
      default:
        return filter.start;
    }
  }

  #firstLocation(largest: Location | undefined): Location {
    const filter = this.#filter;
    switch (filter.type) {
      case "largestObject":
        return { group: largest?.group ?? 0, object: 0 };
      case "nextGroupStart":
        return { group: largest ? largest.group + 1 : 0, object: 0 };
      default:
        return filter.start;
    }
  }

  // Objects

  #subscribe(from: SubscriptionStart): void {
    this.#subscription = this.#consumer.subscribe({
      start: from,
      endGroup: this.#endGroup,
      listener: {
        subgroup: (reader) => this.#open(reader),
        datagram: (datagram) => this.#sendDatagram(datagram),
        ended: (ending) => this.#endedWith(ending),
      },
    });
  }

  #setForward(forward: boolean): void {
    this.#forward = forward;
    if (!forward) {
      this.#subscription?.close();
      this.#subscription = undefined;
      for (const source of this.#sources) source.abandon(streamCode.cancelled);
      return;
    }
    // Objects that passed while forwarding was off stay behind; a live subscription resumes with a group it can decode.
    if (this.#filter.type === "largestObject") this.#subscribe("newest-group");
    else {
      const { largest } = this.#consumer;
      const passed = largest !== undefined && compareLocations(this.#start, largest) <= 0;
      this.#subscribe(passed ? "next-object" : this.#start);
    }
  }

  #open(reader: SubgroupReader): void {
    if (this.#over || (this.#core.profile.ascendingGroupsOnly && reader.group < this.#newestGroup)) {
      reader.close();
      return;
    }
    this.#newestGroup = Math.max(this.#newestGroup, reader.group);
    try {
      if (this.#sources.size >= this.#core.limits.maxStreamsPerSubscription) this.#skipOldest();
      this.#clock.enter(reader.group);
      const source = new SubgroupSource(this, this.#core.wire, this.trackAlias, reader);
      this.#sources.add(source);
      source.attach(this.#core.connection.openUnidirectional(source, this.#keyOf(reader)));
    } catch (error) {
      this.#core.fail(error);
    }
  }

  /** The subscriber is too far behind: the streams of the oldest group make room. */
  #skipOldest(): void {
    const oldest = this.#clock.oldest();
    for (const source of this.#sources) {
      if (source.reader.group === oldest) source.abandon(streamCode.deliveryTimeout);
    }
  }

  #keyOf(reader: SubgroupReader): SortKey {
    const age = this.#clock.timeOf(reader.group) - this.#core.startedAt;
    return dataSortKey(this.#priority, reader.priority, this.#order, age, reader.group, reader.subgroup);
  }

  #sendDatagram(datagram: Datagram): void {
    if (this.#over) return;
    try {
      const { wire, connection, limits } = this.#core;
      const header = {
        trackAlias: this.trackAlias,
        group: datagram.group,
        object: datagram.object,
        publisherPriority: datagram.priority,
        endOfGroup: datagram.endOfGroup,
        status: datagram.status,
        extensions: datagram.extensions.length > 0 ? datagram.extensions : noExtensions,
      };
      const size = wire.datagramHeaderSize(header);
      // "When the total size is larger than maximum datagram size for the session, the Object will be dropped."
      if (size + datagram.payload.length > connection.maxDatagramSize) return;
      const bytes = new Uint8Array(size + datagram.payload.length);
      wire.encodeDatagramHeader(bytes, 0, size, header);
      bytes.set(datagram.payload, size);
      const age = this.#clock.timeOf(datagram.group) - this.#core.startedAt;
      this.#sentDatagrams = true;
      connection.sendDatagram(bytes, {
        sortKey: dataSortKey(this.#priority, datagram.priority, this.#order, age, datagram.group, datagram.object),
        deadlineMs: Math.min(limits.datagramDeadlineMs, this.#expiry.timeoutMs ?? limits.datagramDeadlineMs),
      });
    } catch (error) {
      this.#core.fail(error);
    }
  }

  get maxCacheDurationMs(): number {
    return this.#consumer.maxCacheDurationMs ?? 0;
  }

  sourceWaits(): void {
    this.#expiry.watch();
  }

  /** A stream is acknowledged, reset or stopped. */
  streamOver(source: SubgroupSource): void {
    if (!this.#sources.delete(source)) return;
    this.#clock.leave(source.reader.group);
    if (source.started) this.#streamCount++;
    if (this.#ending && this.#sources.size === 0) this.#sendDoneFor(this.#ending);
  }

  // The end

  #endedWith(ending: Ending | undefined): void {
    if (this.#over || this.#ending) return;
    this.#ending = ending ?? { code: "finished", wireCode: undefined, reason: "" };
    if (this.#sources.size === 0) this.#sendDoneFor(this.#ending);
  }

  #sendDoneFor(ending: Ending): void {
    this.#sendDone(doneStatus(ending), ending.reason);
  }

  #sendDone(status: number, reason: string): void {
    if (this.#over) return;
    this.#core.send({
      type: "publishDone",
      requestId: this.requestId,
      status,
      // "If the track had Forwarding Preference = Datagram, the publisher MUST set Stream Count to 0."
      streamCount: this.#sentDatagrams ? 0 : this.#streamCount,
      reason,
    });
    this.#finish(streamCode.cancelled);
  }

  #finish(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#expiry.stop();
    this.#answerTimer?.cancel();
    this.#consumer.onAnswer = undefined;
    this.#subscription?.close();
    for (const source of this.#sources) source.abandon(code);
    this.#consumer.close();
    this.#owner.subscriptionOver(this);
  }
}

/** The status of PUBLISH_DONE for the end of a track. A code that came from upstream goes on as it came. */
function doneStatus(ending: Ending): number {
  switch (ending.code) {
    case "finished":
    case "replaced":
      return doneCode.trackEnded;
    case "range-complete":
      return doneCode.subscriptionEnded;
    default:
      return ending.wireCode ?? doneCode.internalError;
  }
}
