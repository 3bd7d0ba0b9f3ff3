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
export { type QlogFile, type QlogJson, readQlog } from "./qlog-schema.ts";
export { simulationCertificate, simulationName, simulationWallMillis } from "./sim/certificate.ts";
export { EventLoop, type SimTimeout } from "./sim/event-loop.ts";
export { Link, type LinkCounters, LinkModel } from "./sim/link.ts";
export type { Intervals, LinkSettings } from "./sim/link-settings.ts";
export {
  Host,
  type HostSettings,
  type LinkPair,
  Network,
  type PacketHandler,
  type Socket,
  totalCounters,
} from "./sim/network.ts";
export { derivedSeed, seededBytes, seededEntropy, seededRandom } from "./sim/random.ts";
export { type Planned, Timeline } from "./sim/timeline.ts";
export { createTransportPair, type TransportPair, type TransportPairOptions } from "./transport-pair.ts";
export { settle, VirtualClock } from "./virtual-clock.ts";
