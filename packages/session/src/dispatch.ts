/** Control messages of an established session, each to the part that handles it. */

import type { ControlMessage } from "@moqingbird/codec";
import { closeCode, requestCode } from "./codes.ts";
import type { Core } from "./core.ts";
import type { Discovery } from "./discovery.ts";
import { Violation } from "./errors.ts";
import type { Publisher } from "./publisher.ts";
import type { Subscriber } from "./subscriber.ts";

export interface Parts {
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly discovery: Discovery;
  goaway(newSessionUri: string): void;
}

/** @throws Violation, CodecError: the session is to be closed. */
export function dispatch(core: Core, parts: Parts, message: ControlMessage): void {
  const { requests, incoming } = core;
  checkTokens(message);
  switch (message.type) {
    case "goaway":
      parts.goaway(message.newSessionUri);
      return;
    case "maxRequestId":
      requests.raise(message.requestId);
      return;
    case "requestsBlocked":
      // The window moves as requests end; "MUST NOT rely on REQUESTS_BLOCKED to trigger sending a MAX_REQUEST_ID".
      return;

    case "subscribe":
      incoming.arrive(message.requestId);
      parts.publisher.subscribe(message);
      return;
    case "subscribeUpdate":
      incoming.arrive(message.requestId);
      parts.publisher.subscribeUpdate(message);
      return;
    case "unsubscribe":
      parts.publisher.unsubscribe(message);
      return;
    case "subscribeOk":
      parts.subscriber.subscribeOk(message);
      return;
    case "subscribeError":
      requests.refuse("SUBSCRIBE", message.requestId, message.errorCode, message.reason);
      return;
    case "publishDone":
      parts.subscriber.publishDone(message);
      return;

    case "publishNamespace":
      incoming.arrive(message.requestId);
      parts.discovery.publishNamespace(message);
      return;
    case "publishNamespaceDone":
      parts.discovery.publishNamespaceDone(message);
      return;
    case "publishNamespaceOk":
      requests.accept("PUBLISH_NAMESPACE", message);
      return;
    case "publishNamespaceError":
      requests.refuse("PUBLISH_NAMESPACE", message.requestId, message.errorCode, message.reason);
      return;
    case "publishNamespaceCancel":
      parts.publisher.publishNamespaceCancel(message);
      return;
    case "subscribeNamespace":
      incoming.arrive(message.requestId);
      parts.publisher.subscribeNamespace(message);
      return;
    case "unsubscribeNamespace":
      parts.publisher.unsubscribeNamespace(message);
      return;
    case "subscribeNamespaceOk":
      requests.accept("SUBSCRIBE_NAMESPACE", message);
      return;
    case "subscribeNamespaceError":
      requests.refuse("SUBSCRIBE_NAMESPACE", message.requestId, message.errorCode, message.reason);
      return;

    // "Limited endpoints SHOULD respond to any unsupported messages with the appropriate NOT_SUPPORTED error code, rather
    // than ignoring them" (section "Modularity").
    case "publish":
      incoming.arrive(message.requestId);
      parts.subscriber.refuseAlias(message.trackAlias);
      core.send({ ...notSupported("PUBLISH"), type: "publishError", requestId: message.requestId });
      incoming.end();
      return;
    case "fetch":
      incoming.arrive(message.requestId);
      core.send({ ...notSupported("FETCH"), type: "fetchError", requestId: message.requestId });
      incoming.end();
      return;
    case "trackStatus":
      incoming.arrive(message.requestId);
      core.send({ ...notSupported("TRACK_STATUS"), type: "trackStatusError", requestId: message.requestId });
      incoming.end();
      return;
    case "fetchCancel":
      if (incoming.known(message.requestId)) return;
      throw new Violation(
        closeCode.protocolViolation,
        `FETCH_CANCEL names request ${message.requestId}, which never existed.`,
      );

    case "publishOk":
    case "publishError":
    case "fetchOk":
    case "fetchError":
    case "trackStatusOk":
    case "trackStatusError":
      throw new Violation(
        closeCode.protocolViolation,
        `The peer answers request ${message.requestId} with ${message.type}; this side has asked no such thing.`,
      );
    case "clientSetup":
    case "serverSetup":
      throw new Violation(closeCode.protocolViolation, "The peer sent SETUP again.");
  }
}

function notSupported(request: string): { readonly errorCode: number; readonly reason: string } {
  return { errorCode: requestCode.notSupported, reason: `${request} is not supported here.` };
}

/**
 * Tokens have no effect, but the draft's rules for their aliases hold (section "AUTHORIZATION TOKEN Parameter"): our
 * MAX_AUTH_TOKEN_CACHE_SIZE is 0, so that none can be registered, and none is known.
 */
function checkTokens(message: ControlMessage): void {
  if (!("parameters" in message)) return;
  for (const token of message.parameters.authorizationTokens ?? []) {
    if (token.action === "register") {
      throw new Violation(
        closeCode.authTokenCacheOverflow,
        `The peer registers an authorization token as alias ${token.alias}; this side granted no room for any.`,
      );
    }
    if (token.action !== "useValue") {
      throw new Violation(
        closeCode.unknownAuthTokenAlias,
        `The peer names an authorization token by alias ${token.alias}, which it has not registered.`,
      );
    }
  }
}
