/** What a simulation needs to run this package on a machine of its own. An entry for the workspace only; never published. */
export type { LoopClock, LoopTimeout, LoopTimers } from "./executor/clock.ts";
export { listenOn } from "./listen.ts";
export { connectOn } from "./quic/connect.ts";
export { Runtime, type RuntimeOptions } from "./quic/runtime.ts";
export { type RenewalClock, renewCertificateBy } from "./tls/renewed-certificate.ts";
export type { OpenUdp, UdpBackend, UdpOptions, UdpOwner } from "./udp/backend.ts";
export { webTransportOn } from "./webtransport/web-transport-on.ts";
