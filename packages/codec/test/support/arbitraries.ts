/** Arbitrary messages and objects: everything that can be encoded, edges of the varint lengths included. */
import type {
  AuthorizationToken,
  ControlMessage,
  DatagramHeader,
  FetchObjectHeader,
  FetchRange,
  Filter,
  KeyValuePair,
  MessageParameters,
  Namespace,
  ObjectHeader,
  SetupParameters,
  SubgroupHeader,
  WireInteger,
} from "@moqingbird/codec";
import { encodeKeyValuePairs, noExtensions, objectStatus } from "@moqingbird/codec";
import fc from "fast-check";

/** A record as decoders make them: a plain object with every field. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const edges = [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];

export const id = fc.oneof(fc.constantFrom(...edges), fc.nat({ max: 300 }), fc.maxSafeNat());
/** Small enough that one can be added. */
export const smallId = fc.oneof(fc.nat({ max: 300 }), fc.nat());
const priority = fc.nat({ max: 255 });
export const wireInteger: fc.Arbitrary<WireInteger> = fc.oneof(id, fc.bigInt({ min: 2n ** 53n, max: 2n ** 62n - 1n }));
const bytes = fc.uint8Array({ maxLength: 40 });
/** Text without lone surrogates, which UTF-8 cannot carry. */
const words = fc.string({ unit: "grapheme", maxLength: 40 });

const location = record({ group: id, object: id });
const namespace: fc.Arbitrary<Namespace> = fc.oneof(
  fc.array(bytes, { minLength: 1, maxLength: 32 }),
  fc.constant([new Uint8Array(300)]),
);
const trackName = bytes;
const order = fc.constantFrom("ascending", "descending");
const requestedOrder = fc.constantFrom("publisher", "ascending", "descending");

const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.constant({ type: "nextGroupStart" } as const),
  fc.constant({ type: "largestObject" } as const),
  record({ type: fc.constant("absoluteStart"), start: location }),
  record({ type: fc.constant("absoluteRange"), start: location, endGroup: id }),
);

const token: fc.Arbitrary<AuthorizationToken> = fc.oneof(
  record({ action: fc.constantFrom("delete", "useAlias"), alias: wireInteger }),
  record({ action: fc.constant("register"), alias: wireInteger, tokenType: wireInteger, value: bytes }),
  record({ action: fc.constant("useValue"), tokenType: wireInteger, value: bytes }),
);

function isOdd(type: WireInteger): boolean {
  return BigInt(type) % 2n === 1n;
}

/** A pair whose type is above those that have a field of their own. */
const unknownPair: fc.Arbitrary<KeyValuePair> = wireInteger
  .filter((type) => type > 0x10)
  .chain((type) => (isOdd(type) ? bytes : wireInteger).map((value) => ({ type, value })));

const tokens = fc.array(token, { minLength: 1, maxLength: 3 });
const others = fc.array(unknownPair, { minLength: 1, maxLength: 4 });

function parameters(...names: (keyof MessageParameters)[]): fc.Arbitrary<MessageParameters> {
  const model = { deliveryTimeoutMs: id, maxCacheDurationMs: id, authorizationTokens: tokens, others };
  const entries = Object.entries(model).filter(([name]) => [...names, "others"].includes(name));
  return fc.record(Object.fromEntries(entries), { requiredKeys: [], noNullPrototype: true });
}

const path = fc.webPath().chain((path) => fc.webQueryParameters().map((query) => `${path || "/"}?${query}`));

const setup = {
  maxRequestId: id,
  maxAuthTokenCacheSize: id,
  authorizationTokens: tokens,
  implementation: words,
  others,
};
const clientParameters: fc.Arbitrary<SetupParameters> = fc.record(
  { ...setup, path, authority: fc.webAuthority({ withPort: true, withUserInfo: true, withIPv6: true }) },
  { requiredKeys: [], noNullPrototype: true },
);
const serverParameters: fc.Arbitrary<SetupParameters> = fc.record(setup, {
  requiredKeys: [],
  noNullPrototype: true,
});

const range: fc.Arbitrary<FetchRange> = fc.oneof(
  record({ type: fc.constant("standalone"), namespace, trackName, start: location, end: location }),
  record({
    type: fc.constantFrom("relativeJoining", "absoluteJoining"),
    joiningRequestId: id,
    joiningStart: id,
  }),
);

const largest = fc.option(location, { nil: undefined });
const subscribeBody = {
  requestId: id,
  namespace,
  trackName,
  subscriberPriority: priority,
  groupOrder: requestedOrder,
  forward: fc.boolean(),
  filter,
  parameters: parameters("deliveryTimeoutMs", "authorizationTokens"),
};
const subscribeOkBody = {
  requestId: id,
  trackAlias: id,
  expiresMs: id,
  groupOrder: order,
  largest,
  parameters: parameters("deliveryTimeoutMs", "maxCacheDurationMs"),
};
const errorBody = { requestId: id, errorCode: wireInteger, reason: words };

/** One arbitrary per message, by its type. A missing one is a compile error. */
export const messages: { [Type in ControlMessage["type"]]: fc.Arbitrary<Extract<ControlMessage, { type: Type }>> } = {
  clientSetup: message("clientSetup", {
    versions: fc.array(fc.nat({ max: 0xffffffff }), { maxLength: 10 }),
    parameters: clientParameters,
  }),
  serverSetup: message("serverSetup", { version: fc.nat({ max: 0xffffffff }), parameters: serverParameters }),
  goaway: message("goaway", { newSessionUri: words }),
  maxRequestId: message("maxRequestId", { requestId: id }),
  requestsBlocked: message("requestsBlocked", { maxRequestId: id }),
  subscribe: message("subscribe", subscribeBody),
  subscribeOk: message("subscribeOk", subscribeOkBody),
  subscribeError: message("subscribeError", errorBody),
  subscribeUpdate: message("subscribeUpdate", {
    requestId: id,
    subscriptionRequestId: id,
    start: location,
    endGroup: fc.option(smallId, { nil: undefined }),
    subscriberPriority: priority,
    forward: fc.boolean(),
    parameters: parameters("deliveryTimeoutMs", "authorizationTokens"),
  }),
  unsubscribe: message("unsubscribe", { requestId: id }),
  publishDone: message("publishDone", {
    requestId: id,
    status: wireInteger,
    streamCount: fc.option(id, { nil: undefined }),
    reason: words,
  }),
  publish: message("publish", {
    requestId: id,
    namespace,
    trackName,
    trackAlias: id,
    groupOrder: order,
    largest,
    forward: fc.boolean(),
    parameters: parameters("deliveryTimeoutMs", "maxCacheDurationMs", "authorizationTokens"),
  }),
  publishOk: message("publishOk", {
    requestId: id,
    forward: fc.boolean(),
    subscriberPriority: priority,
    groupOrder: order,
    filter,
    parameters: parameters("deliveryTimeoutMs"),
  }),
  publishError: message("publishError", errorBody),
  fetch: message("fetch", {
    requestId: id,
    subscriberPriority: priority,
    groupOrder: requestedOrder,
    range,
    parameters: parameters("authorizationTokens"),
  }),
  fetchOk: message("fetchOk", {
    requestId: id,
    groupOrder: order,
    endOfTrack: fc.boolean(),
    end: location,
    parameters: parameters("maxCacheDurationMs"),
  }),
  fetchError: message("fetchError", errorBody),
  fetchCancel: message("fetchCancel", { requestId: id }),
  trackStatus: message("trackStatus", subscribeBody),
  trackStatusOk: message("trackStatusOk", subscribeOkBody),
  trackStatusError: message("trackStatusError", errorBody),
  publishNamespace: message("publishNamespace", {
    requestId: id,
    namespace,
    parameters: parameters("authorizationTokens"),
  }),
  publishNamespaceOk: message("publishNamespaceOk", { requestId: id }),
  publishNamespaceError: message("publishNamespaceError", errorBody),
  publishNamespaceDone: message("publishNamespaceDone", { namespace }),
  publishNamespaceCancel: message("publishNamespaceCancel", { namespace, errorCode: wireInteger, reason: words }),
  subscribeNamespace: message("subscribeNamespace", {
    requestId: id,
    prefix: namespace,
    parameters: parameters("authorizationTokens"),
  }),
  subscribeNamespaceOk: message("subscribeNamespaceOk", { requestId: id }),
  subscribeNamespaceError: message("subscribeNamespaceError", errorBody),
  unsubscribeNamespace: fc.oneof(
    record({ type: fc.constant("unsubscribeNamespace"), prefix: namespace }),
    record({ type: fc.constant("unsubscribeNamespace"), requestId: id }),
  ),
};

/** Any message. */
export const anyMessage: fc.Arbitrary<ControlMessage> = fc.oneof(...Object.values(messages));

/** A record of a type and its fields, where a field that came out undefined is left out, as decoders do. */
function message<Message extends ControlMessage>(
  type: Message["type"],
  fields: { [Key in Exclude<keyof Message, "type">]-?: fc.Arbitrary<Message[Key] | undefined> },
): fc.Arbitrary<Message> {
  return record({ type: fc.constant(type), ...fields }).map((record) => {
    const present = Object.entries(record).filter(([, value]) => value !== undefined);
    return Object.fromEntries(present) as unknown as Message;
  });
}

/** A block of extension headers, empty or not. */
export const extensions: fc.Arbitrary<Uint8Array> = fc
  .array(unknownPair, { maxLength: 3 })
  .map((pairs) => (pairs.length === 0 ? noExtensions : encodeKeyValuePairs(pairs)));

const sizeAndStatus = fc.oneof(
  record({ sizeBytes: fc.nat({ max: 200 }), status: fc.constant(objectStatus.normal) }),
  record({
    sizeBytes: fc.constant(0),
    status: fc.constantFrom(objectStatus.doesNotExist, objectStatus.endOfGroup, objectStatus.endOfTrack),
  }),
);

/** A subgroup stream: its header, and objects that may follow each other. An end can only come last. */
export const subgroupStream: fc.Arbitrary<{ header: SubgroupHeader; objects: ObjectHeader[] }> = fc
  .record({
    header: record({
      trackAlias: id,
      group: id,
      subgroup: fc.option(id, { nil: undefined }),
      publisherPriority: priority,
      hasExtensions: fc.boolean(),
      endOfGroup: fc.boolean(),
    }),
    steps: fc.array(record({ gap: smallId, extensions, content: sizeAndStatus }), { maxLength: 8 }),
  })
  .map(({ header, steps }) => {
    let previous = -1;
    const objects: ObjectHeader[] = [];
    for (const { gap, extensions, content } of steps) {
      previous += gap + 1;
      const bare = !header.hasExtensions || content.status === objectStatus.doesNotExist;
      objects.push({ id: previous, ...content, extensions: bare ? noExtensions : extensions });
      if (content.status === objectStatus.endOfGroup || content.status === objectStatus.endOfTrack) break;
    }
    return { header, objects };
  });

/** An object on a fetch stream. */
export const fetchObject: fc.Arbitrary<FetchObjectHeader> = fc
  .record({ group: id, subgroup: id, id, publisherPriority: priority, extensions, content: sizeAndStatus })
  .map(({ content, extensions, ...ids }) => ({
    ...ids,
    ...content,
    extensions: content.status === objectStatus.doesNotExist ? noExtensions : extensions,
  }));

/** The header of a datagram. */
export const datagramHeader: fc.Arbitrary<DatagramHeader> = fc
  .record({
    trackAlias: id,
    group: id,
    object: fc.oneof(fc.constant(0), id),
    publisherPriority: priority,
    endOfGroup: fc.boolean(),
    extensions,
    content: sizeAndStatus,
  })
  .map(({ content: { status }, extensions, endOfGroup, ...rest }) => ({
    ...rest,
    status,
    endOfGroup: endOfGroup && status === objectStatus.normal,
    extensions: status === objectStatus.doesNotExist ? noExtensions : extensions,
  }));
