/** Limits of a connection over WebSocket, with their defaults. */
import { defaultRecordBytes, type Parameters } from "./parameters.ts";
import { type WireVersion, wireFeatures } from "./versions.ts";

/** Limits and intervals of one connection over WebSocket. */
export interface QmuxSettings {
  /** Bytes of one stream that the peer may have under way and unread. Default 256 KiB. Memory: times the streams. */
  readonly streamCreditBytes?: number;
  /** Bytes of all streams received and not yet delivered. Default 8 MiB. */
  readonly connectionReceiveWindow?: number;
  /** One-way streams the peer may have open at a time. Default 128. */
  readonly maxUniStreams?: number;
  /** Streams both ways the peer may have open at a time. Default 32. */
  readonly maxBidiStreams?: number;
  /** Time between pings, in milliseconds. Default 5000. */
  readonly pingMs?: number;
  /** A peer that was not heard for so long is gone, in milliseconds. Default 30000. */
  readonly deadAfterMs?: number;
}

/** The settings with nothing left open. */
export type FullSettings = Required<QmuxSettings>;

const defaults: FullSettings = {
  streamCreditBytes: 262_144,
  connectionReceiveWindow: 8_388_608,
  maxUniStreams: 128,
  maxBidiStreams: 32,
  pingMs: 5000,
  deadAfterMs: 30_000,
};

/** The older wire tells the peer no limits; this one ends the connection. */
const olderMaxStreams = 4096;

export function fullSettings(given: QmuxSettings, version: WireVersion): FullSettings {
  const settings = { ...defaults, ...given };
  if (wireFeatures[version].quicFrames) return settings;
  return { ...settings, maxUniStreams: olderMaxStreams, maxBidiStreams: olderMaxStreams };
}

/** What we tell the peer. */
export function parametersOf(settings: FullSettings): Parameters {
  return {
    maxIdleTimeoutMs: settings.deadAfterMs,
    initialMaxData: settings.connectionReceiveWindow,
    initialMaxStreamDataBidiLocal: settings.streamCreditBytes,
    initialMaxStreamDataBidiRemote: settings.streamCreditBytes,
    initialMaxStreamDataUni: settings.streamCreditBytes,
    initialMaxStreamsBidi: settings.maxBidiStreams,
    initialMaxStreamsUni: settings.maxUniStreams,
    maxDatagramFrameBytes: defaultRecordBytes,
    maxRecordBytes: defaultRecordBytes,
    resetStreamAt: false,
  };
}
