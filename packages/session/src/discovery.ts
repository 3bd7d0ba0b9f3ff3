/**
 * What the peer publishes (moq-transport-14, sections "Subscribing to Namespaces" and "PUBLISH_NAMESPACE" to
 * "UNSUBSCRIBE_NAMESPACE"): its announcements, asked for or not, and who listens to them here.
 */

import type { PublishNamespace, PublishNamespaceDone, SubscribeNamespaceOk } from "@moqingbird/codec";
import { type AnnouncedListener, type BroadcastConsumer, TrackNamespace } from "@moqingbird/model";
import { charges, nameCharge } from "./budget.ts";
import { requestCode } from "./codes.ts";
import type { Core } from "./core.ts";
import { RequestRefused, SessionError } from "./errors.ts";
import { call } from "./report.ts";
import type { OutgoingRequest } from "./requests.ts";

/** What `Session.announced` returns. */
export interface Announcements {
  readonly prefix: TrackNamespace;
  /**
   * Resolves when the peer accepted SUBSCRIBE_NAMESPACE; rejects when it refused or was silent, as deployed relays are. The
   * listener goes on either way: what the peer announces unasked is told as well. Resolves at once for the empty prefix,
   * which no draft can ask for.
   */
  readonly ready: Promise<void>;
  /** Ends it; the listener hears nothing more. */
  stop(): void;
}

/** Why an announcement is not wanted. */
export interface AnnounceRefusal {
  /** PUBLISH_NAMESPACE_ERROR code: 0x1 unauthorized, 0x4 uninterested, ... */
  readonly code: number;
  readonly reason: string;
}

/** Decides about an announcement of the peer's; undefined accepts it. */
export type AnnounceGate = (namespace: TrackNamespace) => AnnounceRefusal | undefined;

interface Listening {
  readonly prefix: TrackNamespace;
  readonly listener: AnnouncedListener;
  /** The consumer each namespace was told with. */
  readonly told: Map<string, BroadcastConsumer>;
}

interface PrefixRequest {
  readonly prefix: TrackNamespace;
  readonly request: OutgoingRequest;
  readonly ready: Promise<void>;
  users: number;
}

/** A namespace the peer has announced. */
interface Announced {
  readonly namespace: TrackNamespace;
  /** It came while a prefix of it was asked for. */
  readonly asked: boolean;
}

export class Discovery {
  readonly #core: Core;
  readonly #consume: (namespace: TrackNamespace) => BroadcastConsumer;
  readonly #gate: AnnounceGate | undefined;
  readonly #announced = new Map<string, Announced>();
  readonly #listening = new Set<Listening>();
  readonly #prefixes = new Set<PrefixRequest>();

  constructor(core: Core, consume: (namespace: TrackNamespace) => BroadcastConsumer, gate: AnnounceGate | undefined) {
    this.#core = core;
    this.#consume = consume;
    this.#gate = gate;
  }

  /** Namespaces the peer has announced. */
  get size(): number {
    return this.#announced.size;
  }

  /** Prefixes asked for. */
  get prefixes(): number {
    return this.#prefixes.size;
  }

  announced(prefix: TrackNamespace, listener: AnnouncedListener): Announcements {
    const listening: Listening = { prefix, listener, told: new Map() };
    this.#listening.add(listening);
    const asked = prefix.length === 0 ? undefined : this.#ask(prefix);
    for (const { namespace } of this.#announced.values()) this.#tell(listening, namespace);
    return {
      prefix,
      ready: asked?.ready ?? Promise.resolve(),
      stop: () => {
        if (!this.#listening.delete(listening)) return;
        if (asked?.request) this.#unask(asked.request);
      },
    };
  }

  publishNamespace(message: PublishNamespace): void {
    const core = this.#core;
    const namespace = TrackNamespace.of(...message.namespace);
    const { requestId } = message;
    const known = this.#announced.has(namespace.key);
    const refusal = known ? undefined : this.#refusal(namespace);
    if (refusal) {
      core.send({ type: "publishNamespaceError", requestId, errorCode: refusal.code, reason: refusal.reason });
      core.incoming.end();
      return;
    }
    core.send({ type: "publishNamespaceOk", requestId });
    if (known) {
      // The draft leaves open what a second announcement means; it changes nothing.
      core.incoming.end();
      return;
    }
    this.#announced.set(namespace.key, { namespace, asked: this.#covers(namespace) });
    for (const listening of this.#listening) this.#tell(listening, namespace);
  }

  publishNamespaceDone(message: PublishNamespaceDone): void {
    this.#remove(TrackNamespace.of(...message.namespace));
  }

  /** Takes an acceptance back: PUBLISH_NAMESPACE_CANCEL. False when the peer has not announced it. */
  cancel(namespace: TrackNamespace, code: number, reason: string): boolean {
    if (!this.#announced.has(namespace.key)) return false;
    this.#core.send({ type: "publishNamespaceCancel", namespace: namespace.fields, errorCode: code, reason });
    this.#remove(namespace);
    return true;
  }

  /** The session is over: everything announced is gone. */
  dispose(): void {
    for (const { namespace } of [...this.#announced.values()]) this.#untell(namespace);
    this.#announced.clear();
    this.#listening.clear();
    this.#prefixes.clear();
  }

  /** Why it is not wanted; charges for one that is. */
  #refusal(namespace: TrackNamespace): AnnounceRefusal | undefined {
    const { draining, limits, account } = this.#core;
    if (draining) return { code: requestCode.internalError, reason: "This session is going away." };
    if (this.#announced.size >= limits.maxAnnouncements) {
      const reason = `A session may announce ${limits.maxAnnouncements} namespaces.`;
      return { code: requestCode.internalError, reason };
    }
    const refusal = this.#gate?.(namespace);
    if (refusal || account.take(chargeOf(namespace))) return refusal;
    return { code: requestCode.internalError, reason: "There is no room for more namespaces." };
  }

  #remove(namespace: TrackNamespace): void {
    if (!this.#announced.delete(namespace.key)) return;
    this.#core.account.give(chargeOf(namespace));
    this.#core.incoming.end();
    this.#untell(namespace);
  }

  #tell(listening: Listening, namespace: TrackNamespace): void {
    if (listening.told.has(namespace.key) || !namespace.startsWith(listening.prefix)) return;
    const broadcast = this.#consume(namespace);
    listening.told.set(namespace.key, broadcast);
    call(() => listening.listener.added(namespace, broadcast));
  }

  #untell(namespace: TrackNamespace): void {
    for (const { listener, told } of this.#listening) {
      const broadcast = told.get(namespace.key);
      if (!broadcast) continue;
      told.delete(namespace.key);
      call(() => listener.removed(namespace, broadcast));
    }
  }

  /** SUBSCRIBE_NAMESPACE, unless a prefix that covers this one is asked for already. */
  #ask(prefix: TrackNamespace): { readonly ready: Promise<void>; readonly request?: PrefixRequest } {
    const core = this.#core;
    for (const other of this.#prefixes) {
      if (prefix.startsWith(other.prefix)) {
        other.users++;
        return { ready: other.ready, request: other };
      }
    }
    const refusal = core.refusal() ?? this.#overlap(prefix);
    if (refusal) return { ready: quiet(Promise.reject(refusal)) };
    let settle!: { resolve: () => void; reject: (error: Error) => void };
    const ready = quiet(
      new Promise<void>((resolve, reject) => {
        settle = { resolve, reject };
      }),
    );
    const request = core.requests.open<SubscribeNamespaceOk>({
      name: "SUBSCRIBE_NAMESPACE",
      errors: core.wire.errors.subscribeNamespace,
      write: (requestId) => core.send({ type: "subscribeNamespace", requestId, prefix: prefix.fields, parameters: {} }),
      accepted: () => settle.resolve(),
      failed: (error) => {
        // A refused prefix may be asked for again; of one without an answer nobody knows, and it may still be told.
        if (error instanceof RequestRefused) this.#prefixes.delete(entry);
        settle.reject(error);
      },
    });
    const entry: PrefixRequest = { prefix, request, ready, users: 1 };
    this.#prefixes.add(entry);
    return { ready, request: entry };
  }

  #unask(entry: PrefixRequest): void {
    if (--entry.users > 0 || !this.#prefixes.delete(entry)) return;
    entry.request.cancel();
    if (entry.request.id === undefined) return;
    this.#core.send({ type: "unsubscribeNamespace", prefix: entry.prefix.fields });
    // The peer will not even tell that these end.
    for (const { namespace, asked } of [...this.#announced.values()]) {
      if (asked && namespace.startsWith(entry.prefix)) this.#remove(namespace);
    }
  }

  #covers(namespace: TrackNamespace): boolean {
    for (const { prefix } of this.#prefixes) if (namespace.startsWith(prefix)) return true;
    return false;
  }

  #overlap(prefix: TrackNamespace): SessionError | undefined {
    for (const other of this.#prefixes) {
      if (!other.prefix.startsWith(prefix)) continue;
      return new SessionError("prefix-overlap", { prefix: prefix.toString(), other: other.prefix.toString() });
    }
    return undefined;
  }
}

function chargeOf(namespace: TrackNamespace): number {
  return charges.request + nameCharge(...namespace.fields);
}

/** A promise nobody has to await. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}
