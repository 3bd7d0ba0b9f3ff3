/**
 * The publishing half of a session: namespaces announced to the peer, and what the peer subscribed to
 * (moq-transport-14, sections "Publishing Namespaces", "Subscribing to Namespaces" and "Subscriptions").
 */

import {
  errorByCode,
  type Namespace,
  type PublishNamespaceCancel,
  type Subscribe,
  type SubscribeNamespace,
  type SubscribeUpdate,
  type Unsubscribe,
  type UnsubscribeNamespace,
} from "@moqingbird/codec";
import { type BroadcastConsumer, type Origin, type TrackConsumer, TrackName, TrackNamespace } from "@moqingbird/model";
import { charges, nameCharge } from "./budget.ts";
import { closeCode, requestCode } from "./codes.ts";
import type { Core } from "./core.ts";
import { SessionError, Violation } from "./errors.ts";
import { NamespacePublication, type Publication } from "./publication.ts";
import { ServedSubscription } from "./served-subscription.ts";

/** How `Session.publishOrigin` shares an origin. */
export interface OriginOptions {
  /**
   * True: every broadcast is announced, asked for or not (deployed CDNs never ask). False (default): only what the peer asks
   * for by SUBSCRIBE_NAMESPACE.
   */
  readonly unasked?: boolean;
  /** Broadcasts for which this says false are neither announced nor served. Default: all are. */
  readonly filter?: (namespace: TrackNamespace, broadcast: BroadcastConsumer) => boolean;
}

/** Why a request of the peer's is refused. */
interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/** A prefix the peer asked for. */
interface PrefixSubscription {
  readonly requestId: number;
  readonly prefix: TrackNamespace;
  watch: { stop(): void } | undefined;
}

/** A namespace announced to the peer. */
interface Announcement {
  readonly publication: NamespacePublication;
  /** The broadcast given to `publish`; undefined for one of the origin. */
  readonly broadcast: BroadcastConsumer | undefined;
}

export class Publisher {
  readonly #core: Core;
  readonly #announced = new Map<string, Announcement>();
  readonly #prefixes = new Map<number, PrefixSubscription>();
  /** By request id. */
  readonly #subscriptions = new Map<number, ServedSubscription>();
  /** The same, by full track name. */
  readonly #subscribedTracks = new Map<string, ServedSubscription>();
  #origin: Origin | undefined;
  #originOptions: OriginOptions = {};
  #originWatch: { stop(): void } | undefined;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Tracks the peer is subscribed to, or waits for. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Namespaces announced to the peer. */
  get announcements(): number {
    return this.#announced.size;
  }

  /** Prefixes the peer asked for. */
  get prefixes(): number {
    return this.#prefixes.size;
  }

  publish(namespace: TrackNamespace, broadcast: BroadcastConsumer): Publication {
    if (namespace.length === 0) throw new SessionError("namespace-empty");
    const refusal = this.#core.refusal();
    if (refusal) throw refusal;
    if (this.#announced.get(namespace.key)?.broadcast) {
      throw new SessionError("namespace-in-use", { namespace: namespace.toString() });
    }
    if (broadcast.state === "ended") {
      throw new SessionError("broadcast-ended", { reason: broadcast.ending?.reason ?? "" });
    }
    // A name the origin has announced is taken over: the one given by hand is what the caller means.
    this.#announced.get(namespace.key)?.publication.withdraw();
    const publication = this.#announce(namespace, broadcast);
    broadcast.onEnded = () => publication.withdraw();
    return publication;
  }

  publishOrigin(origin: Origin, options: OriginOptions): { stop(): void } {
    this.#stopOrigin();
    this.#origin = origin;
    this.#originOptions = options;
    if (options.unasked) this.#originWatch = this.#watch(TrackNamespace.of());
    else for (const asked of this.#prefixes.values()) asked.watch = this.#watch(asked.prefix);
    return {
      stop: () => {
        if (this.#origin === origin) this.#stopOrigin();
      },
    };
  }

  // SUBSCRIBE

  subscribe(message: Subscribe): void {
    const core = this.#core;
    const namespace = TrackNamespace.of(...message.namespace);
    const name = TrackName.of(message.trackName);
    const key = `${namespace.key}/${name.key}`;
    if (this.#subscribedTracks.has(key)) {
      // "A subscriber MUST NOT make multiple active subscriptions for a track within a single session and publishers SHOULD
      // treat this as a protocol violation."
      throw new Violation(
        closeCode.protocolViolation,
        `The peer subscribes twice to ${namespace.toString()} / ${name.toString()}.`,
      );
    }
    const broadcast = this.#find(namespace);
    const chargedBytes = charges.request + nameCharge(...namespace.fields, name.bytes);
    const refusal =
      this.#refusal(this.#subscriptions.size, core.limits.maxSubscriptions, "subscriptions") ??
      (broadcast && this.#charge(chargedBytes, "subscriptions"));
    if (refusal || !broadcast) {
      const { code, reason } = refusal ?? {
        code: requestCode.trackDoesNotExist,
        reason: `Nobody publishes ${namespace.toString()} here.`,
      };
      core.send({ type: "subscribeError", requestId: message.requestId, errorCode: code, reason });
      core.incoming.end();
      return;
    }
    const subscription = new ServedSubscription(
      core,
      this,
      message,
      namespace,
      key,
      broadcast.track(name),
      chargedBytes,
    );
    this.#subscriptions.set(message.requestId, subscription);
    this.#subscribedTracks.set(key, subscription);
    subscription.begin();
  }

  subscribeUpdate(message: SubscribeUpdate): void {
    // A request without an answer: it is over when it was read.
    this.#core.incoming.end();
    const subscription = this.#subscriptions.get(message.subscriptionRequestId);
    if (subscription) {
      subscription.update(message);
    } else if (!this.#core.incoming.known(message.subscriptionRequestId)) {
      throw new Violation(
        closeCode.protocolViolation,
        `SUBSCRIBE_UPDATE names request ${message.subscriptionRequestId}, which never existed.`,
      );
    }
  }

  unsubscribe(message: Unsubscribe): void {
    const subscription = this.#subscriptions.get(message.requestId);
    if (subscription) {
      subscription.unsubscribe();
    } else if (!this.#core.incoming.known(message.requestId)) {
      // One that ended meanwhile may well be named: the messages crossed.
      throw new Violation(
        closeCode.protocolViolation,
        `UNSUBSCRIBE names request ${message.requestId}, which never existed.`,
      );
    }
  }

  successor(namespace: TrackNamespace, trackName: Uint8Array): TrackConsumer | undefined {
    return this.#find(namespace)?.track(TrackName.of(trackName));
  }

  subscriptionOver(subscription: ServedSubscription): void {
    this.#subscriptions.delete(subscription.requestId);
    this.#subscribedTracks.delete(subscription.key);
    this.#core.account.give(subscription.chargedBytes);
    this.#core.incoming.end();
    this.#core.settled();
  }

  // SUBSCRIBE_NAMESPACE

  subscribeNamespace(message: SubscribeNamespace): void {
    const core = this.#core;
    const prefix = TrackNamespace.of(...message.prefix);
    const { requestId } = message;
    const refusal =
      this.#refusal(this.#prefixes.size, core.limits.maxNamespaceSubscriptions, "namespace subscriptions") ??
      this.#overlap(prefix) ??
      this.#charge(prefixCharge(prefix), "namespace subscriptions");
    if (refusal) {
      core.send({ type: "subscribeNamespaceError", requestId, errorCode: refusal.code, reason: refusal.reason });
      core.incoming.end();
      return;
    }
    core.send({ type: "subscribeNamespaceOk", requestId });
    const watch = this.#origin && !this.#originOptions.unasked ? this.#watch(prefix) : undefined;
    this.#prefixes.set(requestId, { requestId, prefix, watch });
  }

  unsubscribeNamespace(message: UnsubscribeNamespace): void {
    const found = this.#findPrefix(message);
    if (!found) return;
    this.#prefixes.delete(found.requestId);
    this.#core.account.give(prefixCharge(found.prefix));
    found.watch?.stop();
    this.#core.incoming.end();
    // The peer wants to hear no more of these, not even that they end; if it asks again they are announced again.
    if (this.#originOptions.unasked) return;
    for (const { publication, broadcast } of [...this.#announced.values()]) {
      if (!broadcast && publication.namespace.startsWith(found.prefix)) publication.forget();
    }
  }

  publishNamespaceCancel(message: PublishNamespaceCancel): void {
    const key = TrackNamespace.of(...message.namespace).key;
    const row = errorByCode(this.#core.wire.errors.publishNamespace, message.errorCode);
    this.#announced.get(key)?.publication.cancelled(message.errorCode, row?.name, message.reason);
  }

  // The end

  /** Nothing new: the origin is no longer watched, nothing more is announced. */
  stopAnnouncing(): void {
    this.#originWatch?.stop();
    this.#originWatch = undefined;
    for (const asked of this.#prefixes.values()) {
      asked.watch?.stop();
      asked.watch = undefined;
    }
  }

  /** Ends every subscription of the peer's, telling why. */
  endSubscriptions(status: number, reason: string): void {
    for (const subscription of [...this.#subscriptions.values()]) subscription.end(status, reason);
  }

  /** The session is over. */
  dispose(error: SessionError): void {
    this.stopAnnouncing();
    this.#origin = undefined;
    for (const { publication, broadcast } of [...this.#announced.values()]) {
      if (broadcast) broadcast.onEnded = undefined;
      publication.closed(error);
    }
    this.#announced.clear();
    this.#prefixes.clear();
    for (const subscription of [...this.#subscriptions.values()]) subscription.dispose();
  }

  #refusal(open: number, limit: number, what: string): Refusal | undefined {
    if (this.#core.draining) return { code: requestCode.internalError, reason: "This session is going away." };
    if (open < limit) return undefined;
    return { code: requestCode.internalError, reason: `A session may have ${limit} ${what}.` };
  }

  #charge(bytes: number, what: string): Refusal | undefined {
    if (this.#core.account.take(bytes)) return undefined;
    return { code: requestCode.internalError, reason: `There is no room for more ${what}.` };
  }

  #overlap(prefix: TrackNamespace): Refusal | undefined {
    for (const other of this.#prefixes.values()) {
      if (!prefix.startsWith(other.prefix) && !other.prefix.startsWith(prefix)) continue;
      return {
        code: requestCode.namespacePrefixOverlap,
        reason: `The prefix overlaps ${other.prefix.toString()}, which this session has asked for already.`,
      };
    }
    return undefined;
  }

  #find(namespace: TrackNamespace): BroadcastConsumer | undefined {
    const published = this.#announced.get(namespace.key)?.broadcast;
    if (published) return published;
    const broadcast = this.#origin?.get(namespace);
    return broadcast && this.#passes(namespace, broadcast) ? broadcast : undefined;
  }

  #announce(namespace: TrackNamespace, broadcast: BroadcastConsumer | undefined): NamespacePublication {
    const publication = new NamespacePublication(this.#core, namespace, () => {
      if (this.#announced.get(namespace.key)?.publication !== publication) return;
      this.#announced.delete(namespace.key);
      if (broadcast) broadcast.onEnded = undefined;
      else this.#core.account.give(charges.publication);
      this.#core.settled();
    });
    this.#announced.set(namespace.key, { publication, broadcast });
    publication.begin();
    return publication;
  }

  #watch(prefix: TrackNamespace): { stop(): void } {
    const origin = this.#origin as Origin;
    return origin.announced(prefix, {
      added: (namespace, broadcast) => {
        if (this.#announced.has(namespace.key) || !this.#passes(namespace, broadcast)) return;
        if (this.#core.refusal()) return;
        // A subscriber that missed a namespace could not know: better it comes back and asks again.
        if (!this.#core.account.take(charges.publication)) {
          this.#core.fail(new Violation(closeCode.internalError, "There is no room to announce more namespaces."));
        } else this.#announce(namespace, undefined);
      },
      removed: (namespace) => {
        const known = this.#announced.get(namespace.key);
        if (known && !known.broadcast) known.publication.withdraw();
      },
    });
  }

  #passes(namespace: TrackNamespace, broadcast: BroadcastConsumer): boolean {
    return this.#originOptions.filter?.(namespace, broadcast) ?? true;
  }

  #stopOrigin(): void {
    this.stopAnnouncing();
    this.#origin = undefined;
    for (const { publication, broadcast } of [...this.#announced.values()]) {
      if (!broadcast) publication.withdraw();
    }
  }

  /** Draft 14 names the prefix; some peers name the request instead, as draft 15 does. */
  #findPrefix(message: UnsubscribeNamespace): PrefixSubscription | undefined {
    if (message.requestId !== undefined) return this.#prefixes.get(message.requestId);
    const key = prefixKey(message.prefix);
    for (const candidate of this.#prefixes.values()) if (candidate.prefix.key === key) return candidate;
    return undefined;
  }
}

function prefixCharge(prefix: TrackNamespace): number {
  return charges.request + nameCharge(...prefix.fields);
}

function prefixKey(prefix: Namespace): string {
  return TrackNamespace.of(...prefix).key;
}
