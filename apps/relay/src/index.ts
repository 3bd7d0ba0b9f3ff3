/** Media over QUIC relay: `start(config)`, and what it takes and gives. */
export { type RelayConfig, relayDefaults, relayWindows } from "./config.ts";
export { directoryNamespace, directoryTrack } from "./directory.ts";
export { Hub, type HubOptions, type HubStats } from "./hub.ts";
export { createLogger, type LogLevel, type LogOptions, logLevels, openLogFile, type RelayLogger } from "./log.ts";
export type { PeerConnection } from "./peer.ts";
export { type Relay, start } from "./relay.ts";
