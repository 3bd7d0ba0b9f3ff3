export {
  createAuthority,
  loopbackNames,
  selfSigned,
  type TestAuthority,
  type TestCertificate,
  type Validity,
  writeCertificate,
} from "./certificates.ts";
export type { CloseShape, HandlerShape, PairEnd } from "./pair-end.ts";
export type { Direction, PairStream, SinkShape, SortKeyShape, SourceShape } from "./pair-stream.ts";
export { createTransportPair, type TransportPair, type TransportPairOptions } from "./transport-pair.ts";
export { settle, VirtualClock } from "./virtual-clock.ts";
