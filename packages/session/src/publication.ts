/**
 * A namespace we publish to the peer (moq-transport-14, sections "PUBLISH_NAMESPACE" to "PUBLISH_NAMESPACE_CANCEL"):
 * announced, accepted or refused, withdrawn by us or cancelled by the peer.
 */

import type { PublishNamespaceOk, WireInteger } from "@moqingbird/codec";
import type { TrackNamespace } from "@moqingbird/model";
import type { Core } from "./core.ts";
import { RequestRefused, SessionError } from "./errors.ts";
import { call } from "./report.ts";
import type { OutgoingRequest } from "./requests.ts";

/**
 * - `requested`: sent (or waiting for a request id), not answered yet;
 * - `active`: the peer accepted it;
 * - `refused`: it did not, or not in time: nothing is announced any more;
 * - `cancelled`: the peer accepted it and took that back;
 * - `withdrawn`: we took it back, or the broadcast ended;
 * - `closed`: the session ended.
 */
export type PublicationState = "requested" | "active" | "refused" | "cancelled" | "withdrawn" | "closed";

/** What `Session.publish` returns. */
export interface Publication {
  readonly namespace: TrackNamespace;
  readonly state: PublicationState;
  /** Why it is `refused` or `cancelled`. */
  readonly error: SessionError | RequestRefused | undefined;
  /** Resolves when the peer accepted; rejects when it refused, was silent, or the publication ended before. */
  readonly ready: Promise<void>;
  /** Called on every change of state. One slot. */
  onState: ((state: PublicationState) => void) | undefined;
  /** Takes the namespace back (PUBLISH_NAMESPACE_DONE). Subscriptions that run go on; new ones are refused. */
  withdraw(): void;
}

/** Called when a publication is no longer announced. */
export type PublicationOver = (publication: NamespacePublication) => void;

export class NamespacePublication implements Publication {
  readonly namespace: TrackNamespace;
  readonly ready: Promise<void>;
  onState: ((state: PublicationState) => void) | undefined;
  readonly #core: Core;
  readonly #over: PublicationOver;
  #state: PublicationState = "requested";
  #error: SessionError | RequestRefused | undefined;
  #request: OutgoingRequest | undefined;
  #resolve!: () => void;
  #reject!: (error: Error) => void;

  constructor(core: Core, namespace: TrackNamespace, over: PublicationOver) {
    this.#core = core;
    this.namespace = namespace;
    this.#over = over;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A publisher that watches `state` instead of awaiting `ready` is no unhandled rejection.
    this.ready.catch(() => {});
  }

  get state(): PublicationState {
    return this.#state;
  }

  get error(): SessionError | RequestRefused | undefined {
    return this.#error;
  }

  /** Announces it. */
  begin(): void {
    const core = this.#core;
    this.#request = core.requests.open<PublishNamespaceOk>({
      name: "PUBLISH_NAMESPACE",
      errors: core.wire.errors.publishNamespace,
      write: (requestId) =>
        core.send({ type: "publishNamespace", requestId, namespace: this.namespace.fields, parameters: {} }),
      accepted: () => {
        this.#enter("active");
        this.#resolve();
      },
      failed: (error) => this.#failed(error),
    });
  }

  withdraw(): void {
    if (this.#state !== "requested" && this.#state !== "active") return;
    const asked = this.#request?.id !== undefined;
    this.#request?.cancel();
    if (asked) this.#core.send({ type: "publishNamespaceDone", namespace: this.namespace.fields });
    this.#reject(new SessionError("withdrawn"));
    this.#leave("withdrawn");
  }

  /** PUBLISH_NAMESPACE_CANCEL: "the publisher does not send PUBLISH_NAMESPACE_DONE". */
  cancelled(code: WireInteger, name: string | undefined, reason: string): void {
    if (this.#state !== "requested" && this.#state !== "active") return;
    this.#request?.cancel();
    this.#error = new RequestRefused("PUBLISH_NAMESPACE", code, name, reason);
    this.#reject(this.#error);
    this.#leave("cancelled");
  }

  /** The peer does not want to hear of the namespace any more: nothing is sent. */
  forget(): void {
    if (this.#state !== "requested" && this.#state !== "active") return;
    this.#request?.cancel();
    this.#reject(new SessionError("withdrawn"));
    this.#leave("withdrawn");
  }

  /** The session ended. */
  closed(error: SessionError): void {
    if (this.#state !== "requested" && this.#state !== "active") return;
    this.#reject(error);
    this.#leave("closed");
  }

  #failed(error: SessionError | RequestRefused): void {
    if (this.#state !== "requested") return;
    this.#error = error;
    const asked = this.#request?.id !== undefined;
    if (error instanceof SessionError && error.code === "session-closed") {
      this.closed(error);
      return;
    }
    // The peer was silent: a late acceptance must not leave the namespace announced.
    if (error instanceof SessionError && asked) {
      this.#core.send({ type: "publishNamespaceDone", namespace: this.namespace.fields });
    }
    this.#reject(error);
    this.#leave("refused");
  }

  #leave(state: PublicationState): void {
    this.#over(this);
    this.#enter(state);
  }

  #enter(state: PublicationState): void {
    this.#state = state;
    call(this.onState, state);
  }
}
