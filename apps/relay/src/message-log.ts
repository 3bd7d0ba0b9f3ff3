/**
 * One session's control messages as log lines. What the peer asks and what we answer has the request's name (`subscribe`,
 * `subscribe-ok`); what we ask of the peer on behalf of others, and what it answers, has `upstream-` before it; namespaces we
 * tell it are `announce`. Answers carry the name they are about, because a request id alone tells a reader nothing.
 */
import type { ControlMessage, Namespace } from "@moqingbird/codec";
import { TrackName, TrackNamespace } from "@moqingbird/model";
import type { RelayLogger } from "./log.ts";

type Direction = "sent" | "received";

/** What a request is about, as its answers repeat it. */
interface Subject {
  readonly namespace: string;
  readonly track?: string;
}

/** Messages of the peer's requests and of our answers to them. */
const downstream: Partial<Record<`${Direction} ${ControlMessage["type"]}`, string>> = {
  "received subscribe": "subscribe",
  "received subscribeUpdate": "subscribe-update",
  "received unsubscribe": "unsubscribe",
  "sent subscribeOk": "subscribe-ok",
  "sent subscribeError": "subscribe-error",
  "sent publishDone": "publish-done",
  "received publishNamespace": "publish-namespace",
  "received publishNamespaceDone": "publish-namespace-done",
  "sent publishNamespaceOk": "publish-namespace-ok",
  "sent publishNamespaceError": "publish-namespace-error",
  "sent publishNamespaceCancel": "publish-namespace-cancel",
  "received subscribeNamespace": "subscribe-namespace",
  "received unsubscribeNamespace": "unsubscribe-namespace",
  "sent subscribeNamespaceOk": "subscribe-namespace-ok",
  "sent subscribeNamespaceError": "subscribe-namespace-error",
  "received goaway": "goaway-received",
  "sent goaway": "goaway-sent",
};

/** Messages of our requests and of the peer's answers. */
const upstream: Partial<Record<`${Direction} ${ControlMessage["type"]}`, string>> = {
  "sent subscribe": "upstream-subscribe",
  "sent unsubscribe": "upstream-unsubscribe",
  "received subscribeOk": "upstream-subscribe-ok",
  "received subscribeError": "upstream-subscribe-error",
  "received publishDone": "upstream-publish-done",
  "sent publishNamespace": "announce",
  "sent publishNamespaceDone": "announce-done",
  "received publishNamespaceOk": "announce-ok",
  "received publishNamespaceError": "announce-error",
  "received publishNamespaceCancel": "announce-cancel",
};

/** Requests that are answered "not supported". */
const unsupported: Partial<Record<ControlMessage["type"], string>> = {
  fetchError: "fetch",
  publishError: "publish",
  trackStatusError: "track-status",
};

/** Requests that keep their name only until they are answered, and those whose end comes with another message. */
const last: ReadonlySet<ControlMessage["type"]> = new Set([
  "subscribeError",
  "publishDone",
  "unsubscribe",
  "publishNamespaceOk",
  "publishNamespaceError",
  "subscribeNamespaceOk",
  "subscribeNamespaceError",
]);

/** Names kept of subscriptions given back; a publisher that answers none of them loses the oldest one's name in the log. */
const maxGivenBack = 256;

export class MessageLog {
  readonly #log: RelayLogger;
  readonly #theirs = new Map<number, Subject>();
  readonly #ours = new Map<number, Subject>();
  /** Requests among ours that announce a namespace and were not answered: their end names only the namespace. */
  readonly #announcing = new Map<string, number>();
  /** Subscriptions we gave back: the publisher's PUBLISH_DONE is still to come. Oldest first. */
  readonly #givenBack = new Map<number, Subject>();

  constructor(log: RelayLogger) {
    this.#log = log;
  }

  /** Give this to the session as `onMessage`. */
  readonly message = (direction: Direction, message: ControlMessage): void => {
    const refused = direction === "sent" ? unsupported[message.type] : undefined;
    if (refused !== undefined && "errorCode" in message && "requestId" in message) {
      const { requestId, errorCode, reason } = message;
      this.#log.info({ event: "request-refused", request: refused, requestId, code: Number(errorCode), reason });
      return;
    }
    const key = `${direction} ${message.type}` as const;
    const event = downstream[key] ?? upstream[key];
    if (event === undefined) {
      this.#log.debug({ event: "message", direction, type: message.type });
      return;
    }
    const subjects = downstream[key] === undefined ? this.#ours : this.#theirs;
    this.#log.info({ event, ...this.#subject(subjects, message), ...details(message) });
  };

  #subject(subjects: Map<number, Subject>, message: ControlMessage): Subject | undefined {
    const named = subjectOf(message);
    if (!("requestId" in message) || message.requestId === undefined) {
      if (subjects === this.#ours && named !== undefined) this.#unfollow(named.namespace);
      return named;
    }
    if (message.type === "publishDone" && subjects === this.#ours) this.#takeBack(message.requestId);
    const subject = named ?? subjects.get(message.requestId);
    if (named !== undefined) subjects.set(message.requestId, named);
    if (last.has(message.type)) subjects.delete(message.requestId);
    if (message.type === "unsubscribe" && subjects === this.#ours) this.#giveBack(message.requestId, subject);
    if (subjects === this.#ours && subject !== undefined)
      this.#follow(message.type, message.requestId, subject.namespace);
    return subject;
  }

  #follow(type: ControlMessage["type"], requestId: number, namespace: string): void {
    if (type === "publishNamespace") this.#announcing.set(namespace, requestId);
    else if (type === "publishNamespaceOk" || type === "publishNamespaceError") this.#announcing.delete(namespace);
  }

  #giveBack(requestId: number, subject: Subject | undefined): void {
    if (subject === undefined) return;
    this.#givenBack.set(requestId, subject);
    if (this.#givenBack.size <= maxGivenBack) return;
    for (const oldest of this.#givenBack.keys()) return void this.#givenBack.delete(oldest);
  }

  #takeBack(requestId: number): void {
    const subject = this.#givenBack.get(requestId);
    if (subject !== undefined && this.#givenBack.delete(requestId)) this.#ours.set(requestId, subject);
  }

  /** An announcement of ours is over, answered or not. */
  #unfollow(namespace: string): void {
    const requestId = this.#announcing.get(namespace);
    if (requestId === undefined) return;
    this.#announcing.delete(namespace);
    this.#ours.delete(requestId);
  }
}

/** What the message itself names. */
function subjectOf(message: ControlMessage): Subject | undefined {
  switch (message.type) {
    case "subscribe":
      return { namespace: pathOf(message.namespace), track: TrackName.of(message.trackName).toString() };
    case "publishNamespace":
    case "publishNamespaceDone":
    case "publishNamespaceCancel":
      return { namespace: pathOf(message.namespace) };
    case "subscribeNamespace":
    case "unsubscribeNamespace":
      return message.prefix && { namespace: pathOf(message.prefix) };
    default:
      return undefined;
  }
}

function details(message: ControlMessage): Record<string, unknown> {
  const request = "requestId" in message && message.requestId !== undefined ? { requestId: message.requestId } : {};
  switch (message.type) {
    case "subscribe":
      return { ...request, filter: message.filter.type, priority: message.subscriberPriority };
    case "subscribeOk":
      return { ...request, alias: message.trackAlias, ...(message.largest && { largest: message.largest }) };
    case "publishDone":
      return { ...request, code: Number(message.status), streams: message.streamCount, reason: message.reason };
    case "subscribeError":
    case "publishNamespaceError":
    case "publishNamespaceCancel":
    case "subscribeNamespaceError":
      return { ...request, code: Number(message.errorCode), reason: message.reason };
    default:
      return request;
  }
}

function pathOf(namespace: Namespace): string {
  return TrackNamespace.of(...namespace).toString();
}
