/** Media over QUIC on the wire: bytes to messages and back, for Node and browsers. Pure: no I/O, no clock, no waiting. */

export { ControlDecoder } from "./control-decoder.ts";
export { draft14 } from "./draft14/wire.ts";
export { type ErrorRow, type ErrorTable, type ErrorTables, errorByCode, errorByName } from "./error-table.ts";
export {
  CodecError,
  type CodecErrorCode,
  type CodecErrorKind,
  codecErrors,
} from "./errors.ts";
export { decodeKeyValuePairs, encodeKeyValuePairs } from "./key-value.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type {
  AuthorizationToken,
  ClientSetup,
  ControlMessage,
  ControlMessageType,
  Fetch,
  FetchCancel,
  FetchError,
  FetchOk,
  FetchRange,
  Filter,
  Goaway,
  GroupOrder,
  KeyValuePair,
  Location,
  MaxRequestId,
  MessageParameters,
  Namespace,
  Publish,
  PublishDone,
  PublishError,
  PublishNamespace,
  PublishNamespaceCancel,
  PublishNamespaceDone,
  PublishNamespaceError,
  PublishNamespaceOk,
  PublishOk,
  RequestedGroupOrder,
  RequestsBlocked,
  ServerSetup,
  SetupParameters,
  Subscribe,
  SubscribeError,
  SubscribeNamespace,
  SubscribeNamespaceError,
  SubscribeNamespaceOk,
  SubscribeOk,
  SubscribeUpdate,
  TrackStatus,
  TrackStatusError,
  TrackStatusOk,
  Unsubscribe,
  UnsubscribeNamespace,
  WireInteger,
} from "./messages.ts";
export { maxFullTrackNameBytes, maxNamespaceFields } from "./names.ts";
export {
  type Datagram,
  type DatagramHeader,
  type DataStreamVisitor,
  type FetchHeader,
  type FetchObjectHeader,
  noExtensions,
  type ObjectHeader,
  type ObjectStatus,
  objectStatus,
  type SubgroupHeader,
} from "./objects.ts";
export { Reader } from "./reader.ts";
export { type DataStreamDecoder, type NeedMore, needMore, type Wire } from "./wire.ts";
export { Writer } from "./writer.ts";
