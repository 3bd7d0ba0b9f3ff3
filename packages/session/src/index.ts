/** One Media-over-QUIC session over any connection of the right shape. */

export { type Account, Budget, type BudgetOptions } from "./budget.ts";
export type { AnnounceGate, Announcements, AnnounceRefusal } from "./discovery.ts";
export { RequestRefused, SessionError, type SessionErrorCode, sessionErrors } from "./errors.ts";
export { defaultSessionLimits, type SessionLimits } from "./limits.ts";
export { protocolsOf, type Version, versions } from "./negotiation.ts";
export type {
  CloseOptions,
  DrainOptions,
  SessionEnd,
  SessionFeatures,
  SessionOptions,
  SessionState,
  SessionStats,
} from "./options.ts";
export { cloudflareDraft14, conformingPeer, type PeerProfile } from "./profile.ts";
export type { Publication, PublicationState } from "./publication.ts";
export type { OriginOptions } from "./publisher.ts";
export { accept, connect, Session } from "./session.ts";
export type { PeerInfo, SetupRefusal } from "./setup.ts";
export type { SubscribeOptions } from "./subscription.ts";
export { hostTimers, type Timer, type Timers } from "./timers.ts";
export type {
  CloseInfo,
  Connection,
  ConnectionHandler,
  DatagramOptions,
  IncomingBidirectional,
  OutgoingBidirectional,
  ReceiveSink,
  ReceiveStream,
  SendSource,
  SendStream,
  SortKey,
  StreamDirection,
} from "./transport.ts";
export { type OverWebTransportOptions, overWebTransport } from "./web-transport/connection.ts";
export type {
  WebTransportCloseShape,
  WebTransportDatagramsShape,
  WebTransportShape,
  WebTransportStreamShape,
} from "./web-transport/shape.ts";
