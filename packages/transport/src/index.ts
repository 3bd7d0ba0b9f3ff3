export { formatAddress, type SocketAddress } from "./address.ts";
export { ByteReader } from "./byte-reader.ts";
export { ByteWriter, type ByteWriterOptions } from "./byte-writer.ts";
export {
  type Certificate,
  type CertificateFiles,
  certificateFingerprint,
  type GenerateOptions,
  generateCertificate,
  type LoadedCertificate,
  loadCertificate,
  parseFingerprint,
} from "./certificate.ts";
export { type ConnectOptions, connect } from "./connect.ts";
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
export type {
  Executor,
  ExecutorCounters,
  LoopPhase,
  LoopStep,
  ScheduledTask,
} from "./executor.ts";
export { type Listener, type ListenLimits, type ListenOptions, listen } from "./listener.ts";
export type { LoopSummary, LoopTrace, LoopTurn, WakeReason } from "./loop-trace.ts";
export type { ObservingOptions } from "./observing.ts";
export type { QlogConnection, QlogSink, QlogTarget } from "./qlog/target.ts";
export type { Rejection } from "./rejections.ts";
export { executor, useKeys } from "./runtime.ts";
export type { TransportSettings } from "./settings.ts";
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
export { postTask } from "./task-port.ts";
export { systemRoots, type Trust } from "./trust.ts";
export type { SocketBuffer, SocketBuffers, UdpCapabilities } from "./udp/backend.ts";
