/** Media over QUIC in memory: origin > broadcast > track > group > subgroup > object. No wire, no I/O, no Node. */
export { type BroadcastOptions, BroadcastProducer } from "./broadcast.ts";
export type { BroadcastConsumer } from "./broadcast-consumer.ts";
export { Cache, type CacheOptions, type Schedule } from "./cache.ts";
export type { TrackConsumer } from "./consumer.ts";
export type { Datagram, DatagramOptions } from "./datagram.ts";
export { type DropReason, type Ending, type EndingCode, ending } from "./ending.ts";
export { ModelError, type ModelErrorCode, modelErrors } from "./errors.ts";
export type { GroupProducer } from "./group.ts";
export { compareLocations, type Location } from "./location.ts";
export { maxFullNameBytes, maxNamespaceFields, TrackName, TrackNamespace } from "./namespace.ts";
export { type ObjectInfo, ObjectStatus } from "./object.ts";
export { type AnnouncedListener, Origin, type Publication, type PublicationState } from "./origin.ts";
export type { GroupReader, ObjectReader, ReadOptions, WholeObject } from "./read.ts";
export type { SubgroupReader } from "./reader.ts";
export type { TrackRequest, TrackRequestHandler } from "./request.ts";
export type { SubgroupOptions, SubgroupProducer } from "./subgroup.ts";
export type {
  SubscriptionListener,
  SubscriptionOptions,
  SubscriptionStart,
  TrackSubscription,
} from "./subscription.ts";
export type { GroupOrder, TrackOptions, TrackProducer } from "./track.ts";
