export type { ConnectionBytes, MemoryStats } from "@moqingbird/engine";
export { formatAddress, type SocketAddress } from "./address.ts";
export { ByteReader } from "./byte-reader.ts";
export { ByteWriter, type ByteWriterOptions } from "./byte-writer.ts";
export { type ConnectWebTransportOptions, connectWebTransport } from "./comfort/connect-web-transport.ts";
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
  EarlyConnection,
} from "./connection.ts";
export type { ErrorCode } from "./error-code.ts";
export { SessionRejectedError, TransportError, type TransportErrorCode, transportErrors } from "./errors.ts";
export type {
  Executor,
  ExecutorCounters,
  LoopPhase,
  LoopStep,
  ScheduledTask,
} from "./executor/executor.ts";
export type { LoopSummary, LoopTrace, LoopTurn, WakeReason } from "./executor/loop-trace.ts";
export { postTask } from "./executor/task-port.ts";
export type { FetchHandler } from "./h3/fetch-exchange.ts";
export { type ListenOptions, listen, type WebTransportListenOptions } from "./listen.ts";
export type { QlogConnection, QlogSink, QlogTarget } from "./qlog/target.ts";
export type { QmuxSettings } from "./qmux/settings.ts";
export type { QmuxDraft } from "./qmux/versions.ts";
export { type ConnectOptions, connect } from "./quic/connect.ts";
export type { Listener, ListenLimits } from "./quic/listener.ts";
export type { ObservingOptions } from "./quic/observing.ts";
export type { Rejection } from "./quic/rejections.ts";
export type { TransportSettings } from "./quic/settings.ts";
export { engineMemory, executor, setEngineMemory, useKeys } from "./quic/thread.ts";
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
export {
  type Certificate,
  type CertificateFiles,
  certificateFingerprint,
  type GenerateOptions,
  generateCertificate,
  type LoadedCertificate,
  loadCertificate,
  parseFingerprint,
} from "./tls/certificate.ts";
export {
  type CertificateSource,
  type CertificateSourceOptions,
  type ServerCertificates,
  selectCertificate,
} from "./tls/certificate-source.ts";
export { type FetchFingerprintOptions, fetchFingerprint } from "./tls/fetch-fingerprint.ts";
export { type RenewedCertificate, type RenewOptions, renewCertificate } from "./tls/renewed-certificate.ts";
export { systemRoots, type Trust } from "./tls/trust.ts";
export { type WatchedCertificates, type WatchOptions, watchCertificates } from "./tls/watched-certificates.ts";
export type { SocketBuffer, SocketBuffers, UdpCapabilities } from "./udp/backend.ts";
export { type ConnectWebSocketOptions, connectWebSocket } from "./websocket/connect.ts";
export type { WebSocketListenOptions } from "./websocket/server.ts";
export { WebTransportBidirectionalStream } from "./webtransport/bidirectional-stream.ts";
export {
  WebTransportDatagramDuplexStream,
  type WebTransportDatagramStats,
  WebTransportDatagramsWritable,
} from "./webtransport/datagrams.ts";
export {
  WebTransportError,
  type WebTransportErrorOptions,
  type WebTransportErrorSource,
} from "./webtransport/error.ts";
export type {
  WebTransportCongestionControl,
  WebTransportHash,
  WebTransportOptions,
} from "./webtransport/options.ts";
export { WebTransportReceiveStream, type WebTransportReceiveStreamStats } from "./webtransport/receive-stream.ts";
export { WebTransportSendGroup } from "./webtransport/send-order.ts";
export {
  type WebTransportSendOptions,
  WebTransportSendStream,
  type WebTransportSendStreamOptions,
  type WebTransportSendStreamStats,
  WebTransportWriter,
} from "./webtransport/send-stream.ts";
export type { AcceptOptions, SessionRequest } from "./webtransport/session-request.ts";
export {
  WebTransport,
  type WebTransportCloseInfo,
  type WebTransportConnectionStats,
  type WebTransportReliabilityMode,
} from "./webtransport/webtransport.ts";
