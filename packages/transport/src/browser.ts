/** What browsers can use: the client over WebSocket, and streams byte by byte. Nothing here needs Node. */
export type { SocketAddress } from "./address.ts";
export { ByteReader } from "./byte-reader.ts";
export { ByteWriter, type ByteWriterOptions } from "./byte-writer.ts";
export { type Race, race, type Way } from "./comfort/race.ts";
export {
  BackOff,
  type BackOffOptions,
  type Reconnectable,
  type ReconnectOptions,
  reconnect,
  worthRetrying,
} from "./comfort/reconnect.ts";
export type {
  ClosedBy,
  CloseInfo,
  CloseOptions,
  Connection,
  ConnectionHandler,
  DatagramDropReason,
  DatagramOptions,
} from "./connection.ts";
export type { ErrorCode } from "./error-code.ts";
export { TransportError, type TransportErrorCode, transportErrors } from "./errors.ts";
export type { QmuxSettings } from "./qmux/settings.ts";
export type { QmuxDraft } from "./qmux/versions.ts";
export {
  type BidirectionalStream,
  defaultSortKey,
  type IncomingBidirectionalStream,
  type IncomingStream,
  type IncomingUnidirectionalStream,
  type ReceiveSink,
  type ReceiveStream,
  type SendSource,
  type SendStream,
  type SortKey,
  type StreamDirection,
} from "./streams.ts";
export { type ConnectWebSocketOptions, connectWebSocket } from "./websocket/connect-browser.ts";
