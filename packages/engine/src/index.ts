export { connectionBytes, noStats } from "./encode.ts";
export { createEngine, Engine, handleIndex, PREPARED_FIN, PREPARED_MORE, prepared } from "./engine.ts";
export { EngineError, type EngineErrorCode, engineErrors } from "./errors.ts";
export {
  ClosedBy,
  CONNECTED_SERVER,
  DATA_FIN,
  DatagramDrop,
  EVENT_CONNECTION,
  EVENT_FLAGS,
  EVENT_HIGH,
  EVENT_KIND,
  EVENT_LENGTH,
  EVENT_LOW,
  EVENT_POINTER,
  EVENT_STREAM,
  EVENT_WORDS,
  EventKind,
  STREAM_UNI,
} from "./events.ts";
export type {
  ClientConfigOptions,
  Congestion,
  ConnectionBytes,
  ConnectionInfo,
  ConnectionStats,
  Crypto,
  EarlyData,
  EndpointOptions,
  EngineClock,
  EngineKeys,
  EngineOptions,
  MemoryStats,
  NamedCertificate,
  ObservingOptions,
  Prepare,
  ServerConfigOptions,
  TransportOptions,
  Trust,
} from "./options.ts";
export { readTrace, type TraceBody, type TraceHead, type TraceRecord } from "./trace.ts";
