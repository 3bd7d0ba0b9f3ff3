/**
 * Control messages in one vocabulary for every wire version. A codec per version (see `wire.ts`) turns bytes into these
 * and back; what a version puts into parameters, flags or a stream of its own is the same field here.
 * Section numbers are those of draft-ietf-moq-transport-14.
 *
 * Integers: identifiers (request, track alias, group, object) are plain numbers; one above 2^53-1 on the wire is refused with
 * `varint-too-large`. Bounds and durations above it read as 2^53-1, because no identifier beyond is ever used.
 * Codes and unknown parameters keep every value of the wire: see `WireInteger`.
 */

/** An unsigned integer exactly as on the wire: a number up to 2^53-1, a bigint above. Compare it with `===`. */
export type WireInteger = number | bigint;

/** Track namespace or prefix: 1 to 32 fields of bytes, at most 4096 bytes with the track name (section 2.4.1). */
export type Namespace = readonly Uint8Array[];

/** Position of an object in a track (section 1.4.1). */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/** The order in which groups are delivered. */
export type GroupOrder = "ascending" | "descending";

/** A group order in a request: "publisher" leaves the choice to the original publisher. */
export type RequestedGroupOrder = GroupOrder | "publisher";

/** Which objects of a track pass a subscription (section 9.7). `endGroup` is inclusive; a smaller one than `start.group` decodes, since the answer to it is INVALID_RANGE and not the end of the session. */
export type Filter =
  | { readonly type: "nextGroupStart" }
  | { readonly type: "largestObject" }
  | { readonly type: "absoluteStart"; readonly start: Location }
  | { readonly type: "absoluteRange"; readonly start: Location; readonly endGroup: number };

/** A key-value pair (section 1.4.2): an even type holds an integer, an odd one at most 65535 bytes. */
export interface KeyValuePair {
  readonly type: WireInteger;
  readonly value: WireInteger | Uint8Array;
}

/** The AUTHORIZATION TOKEN parameter's content (section 9.2.1.1). */
export type AuthorizationToken =
  | { readonly action: "delete"; readonly alias: WireInteger }
  | {
      readonly action: "register";
      readonly alias: WireInteger;
      readonly tokenType: WireInteger;
      readonly value: Uint8Array;
    }
  | { readonly action: "useAlias"; readonly alias: WireInteger }
  | { readonly action: "useValue"; readonly tokenType: WireInteger; readonly value: Uint8Array };

/** Setup parameters (section 9.3.2). Their numbers are the same in every version that has them. */
export interface SetupParameters {
  /** PATH: path and query of a `moqt:` URI; only from clients on raw QUIC. */
  readonly path?: string;
  /** AUTHORITY: host and port of a `moqt:` URI; only from clients on raw QUIC. */
  readonly authority?: string;
  /** First request id the peer may not use; absent means 0, no requests at all. */
  readonly maxRequestId?: number;
  /** Bytes of registered authorization tokens the sender stores; absent means 0, no aliases. */
  readonly maxAuthTokenCacheSize?: number;
  readonly authorizationTokens?: readonly AuthorizationToken[];
  /** MOQT IMPLEMENTATION: name and version of the sender's software, for people. */
  readonly implementation?: string;
  /** What the version does not define, in wire order. Receivers ignore it. */
  readonly others?: readonly KeyValuePair[];
}

/** Parameters of all other messages (section 9.2.1). Where a version does not allow one in a message, it is ignored on receipt: it then stands in `others`. */
export interface MessageParameters {
  /** DELIVERY TIMEOUT: milliseconds after which a late object need not be delivered any more. */
  readonly deliveryTimeoutMs?: number;
  /** MAX CACHE DURATION: milliseconds for which an object may be served from a cache. */
  readonly maxCacheDurationMs?: number;
  readonly authorizationTokens?: readonly AuthorizationToken[];
  /** What the version does not define (or not in this message), in wire order. Receivers ignore it. */
  readonly others?: readonly KeyValuePair[];
}

/** First message of a client (section 9.3). */
export interface ClientSetup {
  readonly type: "clientSetup";
  /** Versions offered, most wanted first: 0xff000000 + draft number for the drafts. */
  readonly versions: readonly number[];
  readonly parameters: SetupParameters;
}

/** The server's answer to CLIENT_SETUP (section 9.3). */
export interface ServerSetup {
  readonly type: "serverSetup";
  readonly version: number;
  readonly parameters: SetupParameters;
}

/** The sender will close the session soon (section 9.4). */
export interface Goaway {
  readonly type: "goaway";
  /** Where to connect next; empty means the same URI. Must be empty when a client sends it. At most 8192 bytes. */
  readonly newSessionUri: string;
}

/** More requests are allowed (section 9.5). */
export interface MaxRequestId {
  readonly type: "maxRequestId";
  /** First request id that is not allowed. */
  readonly requestId: number;
}

/** The sender has a request but no id for it (section 9.6). */
export interface RequestsBlocked {
  readonly type: "requestsBlocked";
  /** The limit that blocks it. */
  readonly maxRequestId: number;
}

interface SubscribeFields {
  readonly requestId: number;
  readonly namespace: Namespace;
  readonly trackName: Uint8Array;
  /** 0 to 255, lower is more important. */
  readonly subscriberPriority: number;
  readonly groupOrder: RequestedGroupOrder;
  /** Whether objects flow at once. */
  readonly forward: boolean;
  readonly filter: Filter;
  readonly parameters: MessageParameters;
}

interface SubscribeOkFields {
  readonly requestId: number;
  /** Chosen by the publisher; names the track on data streams and datagrams. Unused (0) in "trackStatusOk". */
  readonly trackAlias: number;
  /** Milliseconds until the subscription ends; 0 is never, or unknown. */
  readonly expiresMs: number;
  readonly groupOrder: GroupOrder;
  /** Largest object published so far; absent when there is none. */
  readonly largest?: Location;
  readonly parameters: MessageParameters;
}

/** An answer that says no. */
interface RequestErrorFields {
  readonly requestId: number;
  /** As the peer sent it; the version's table names the known ones (`Wire.errors`). */
  readonly errorCode: WireInteger;
  /** For people. At most 1024 bytes of UTF-8: a longer one is cut at a character when written. */
  readonly reason: string;
}

/** A subscriber wants a track (section 9.7). */
export interface Subscribe extends SubscribeFields {
  readonly type: "subscribe";
}

/** Section 9.8. */
export interface SubscribeOk extends SubscribeOkFields {
  readonly type: "subscribeOk";
}

/** Section 9.9. */
export interface SubscribeError extends RequestErrorFields {
  readonly type: "subscribeError";
}

/** Narrows a subscription (section 9.10). Has no answer in draft 14. */
export interface SubscribeUpdate {
  readonly type: "subscribeUpdate";
  /** The update's own request id. */
  readonly requestId: number;
  /** Request id of the subscription it changes. */
  readonly subscriptionRequestId: number;
  readonly start: Location;
  /** Last group wanted, inclusive; absent means open-ended. (The wire carries it plus 1.) */
  readonly endGroup?: number;
  readonly subscriberPriority: number;
  readonly forward: boolean;
  readonly parameters: MessageParameters;
}

/** Section 9.11. */
export interface Unsubscribe {
  readonly type: "unsubscribe";
  readonly requestId: number;
}

/** The publisher is done with a subscription (section 9.12). */
export interface PublishDone {
  readonly type: "publishDone";
  readonly requestId: number;
  /** Why, as the peer sent it: `Wire.errors.publishDone`. */
  readonly status: WireInteger;
  /** Data streams opened for the subscription; absent when the publisher cannot tell (2^62-1 on the wire). */
  readonly streamCount?: number;
  readonly reason: string;
}

/** A publisher pushes a track (section 9.13). */
export interface Publish {
  readonly type: "publish";
  readonly requestId: number;
  readonly namespace: Namespace;
  readonly trackName: Uint8Array;
  readonly trackAlias: number;
  readonly groupOrder: GroupOrder;
  readonly largest?: Location;
  readonly forward: boolean;
  readonly parameters: MessageParameters;
}

/** Section 9.14. */
export interface PublishOk {
  readonly type: "publishOk";
  readonly requestId: number;
  readonly forward: boolean;
  readonly subscriberPriority: number;
  readonly groupOrder: GroupOrder;
  readonly filter: Filter;
  readonly parameters: MessageParameters;
}

/** Section 9.15. */
export interface PublishError extends RequestErrorFields {
  readonly type: "publishError";
}

/** What a FETCH asks for (sections 9.16.1 and 9.16.2). */
export type FetchRange =
  | {
      readonly type: "standalone";
      readonly namespace: Namespace;
      readonly trackName: Uint8Array;
      readonly start: Location;
      /** `object` is one past the last wanted; 0 means the whole group. */
      readonly end: Location;
    }
  | {
      readonly type: "relativeJoining";
      /** The subscription whose largest location ends the range. */
      readonly joiningRequestId: number;
      /** Groups before the subscription's largest group. */
      readonly joiningStart: number;
    }
  | {
      readonly type: "absoluteJoining";
      readonly joiningRequestId: number;
      /** Group to start at. */
      readonly joiningStart: number;
    };

/** A subscriber wants objects of the past (section 9.16). */
export interface Fetch {
  readonly type: "fetch";
  readonly requestId: number;
  readonly subscriberPriority: number;
  readonly groupOrder: RequestedGroupOrder;
  readonly range: FetchRange;
  readonly parameters: MessageParameters;
}

/** Section 9.17. */
export interface FetchOk {
  readonly type: "fetchOk";
  readonly requestId: number;
  readonly groupOrder: GroupOrder;
  /** All objects of the track are published and `end` is the last of them. */
  readonly endOfTrack: boolean;
  /** As `end` of a standalone range: one past the last object, 0 for a whole group. */
  readonly end: Location;
  readonly parameters: MessageParameters;
}

/** Section 9.18. */
export interface FetchError extends RequestErrorFields {
  readonly type: "fetchError";
}

/** Section 9.19. */
export interface FetchCancel {
  readonly type: "fetchCancel";
  readonly requestId: number;
}

/** Asks about a track without subscribing (section 9.20). */
export interface TrackStatus extends SubscribeFields {
  readonly type: "trackStatus";
}

/** Section 9.21. */
export interface TrackStatusOk extends SubscribeOkFields {
  readonly type: "trackStatusOk";
}

/** Section 9.22. */
export interface TrackStatusError extends RequestErrorFields {
  readonly type: "trackStatusError";
}

/** A publisher has tracks under a namespace (section 9.23). */
export interface PublishNamespace {
  readonly type: "publishNamespace";
  readonly requestId: number;
  readonly namespace: Namespace;
  readonly parameters: MessageParameters;
}

/** Section 9.24. */
export interface PublishNamespaceOk {
  readonly type: "publishNamespaceOk";
  readonly requestId: number;
}

/** Section 9.25. */
export interface PublishNamespaceError extends RequestErrorFields {
  readonly type: "publishNamespaceError";
}

/** The publisher withdraws a namespace (section 9.26). */
export interface PublishNamespaceDone {
  readonly type: "publishNamespaceDone";
  readonly namespace: Namespace;
}

/** The subscriber no longer wants a namespace offered (section 9.27). */
export interface PublishNamespaceCancel {
  readonly type: "publishNamespaceCancel";
  readonly namespace: Namespace;
  readonly errorCode: WireInteger;
  readonly reason: string;
}

/** A subscriber wants to hear of namespaces under a prefix (section 9.28). */
export interface SubscribeNamespace {
  readonly type: "subscribeNamespace";
  readonly requestId: number;
  readonly prefix: Namespace;
  readonly parameters: MessageParameters;
}

/** Section 9.29. */
export interface SubscribeNamespaceOk {
  readonly type: "subscribeNamespaceOk";
  readonly requestId: number;
}

/** Section 9.30. */
export interface SubscribeNamespaceError extends RequestErrorFields {
  readonly type: "subscribeNamespaceError";
}

/**
 * Ends a SUBSCRIBE_NAMESPACE (section 9.31). Exactly one field is there: `prefix` as draft 14 says, or `requestId` as draft 15
 * says, which moq-net also sends and expects in draft 14. The two cannot be confused, so the draft-14 codec reads both.
 */
export type UnsubscribeNamespace =
  | { readonly type: "unsubscribeNamespace"; readonly prefix: Namespace; readonly requestId?: undefined }
  | { readonly type: "unsubscribeNamespace"; readonly requestId: number; readonly prefix?: undefined };

/** Every control message, told apart by `type`. */
export type ControlMessage =
  | ClientSetup
  | ServerSetup
  | Goaway
  | MaxRequestId
  | RequestsBlocked
  | Subscribe
  | SubscribeOk
  | SubscribeError
  | SubscribeUpdate
  | Unsubscribe
  | PublishDone
  | Publish
  | PublishOk
  | PublishError
  | Fetch
  | FetchOk
  | FetchError
  | FetchCancel
  | TrackStatus
  | TrackStatusOk
  | TrackStatusError
  | PublishNamespace
  | PublishNamespaceOk
  | PublishNamespaceError
  | PublishNamespaceDone
  | PublishNamespaceCancel
  | SubscribeNamespace
  | SubscribeNamespaceOk
  | SubscribeNamespaceError
  | UnsubscribeNamespace;

/** The word that names a control message. */
export type ControlMessageType = ControlMessage["type"];
