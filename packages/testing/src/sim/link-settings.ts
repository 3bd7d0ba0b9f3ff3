/** What one direction of a link is like, as tests say it: milliseconds, percent, and 0 or nothing for "not at all". */

/** Repeated stretches of time, counted from the start of the simulation. */
export interface Intervals {
  /** Start of the first, in ms. */
  readonly firstMs: number;
  /** Of each, in ms. */
  readonly lengthMs: number;
  /** From the end of one to the start of the next, in ms. */
  readonly pauseMs: number;
  /** How many. Default: without end. */
  readonly count?: number;
}

/** One direction of a link. Chances are in percent, fractions allowed down to 0.0001. */
export interface LinkSettings {
  /** One way, in ms. Default 0. */
  readonly latencyMs?: number;
  /** Packets leave one after another, IP and UDP headers counted. Default: no limit. */
  readonly rateKbps?: number;
  /** Packets that may wait for the rate; the newest is dropped beyond it. Default: no limit. */
  readonly queuePackets?: number;
  /** Largest UDP payload, in bytes. Default: no limit. */
  readonly mtu?: number;
  /** Random loss. */
  readonly lossPercent?: number;
  /** Most random losses in a row. Default: no bound. */
  readonly lossRun?: number;
  /** Of every `period` packets, `length` in a row are lost. */
  readonly burst?: { readonly period: number; readonly length: number };
  /** One bit of the payload flips. */
  readonly corruptPercent?: number;
  /** The packet waits one more latency, at least 5 ms, and later ones overtake it. */
  readonly reorderPercent?: number;
  /** Delivered twice. */
  readonly duplicatePercent?: number;
  /** ECN-capable packets are marked "congestion experienced". */
  readonly markPercent?: number;
  /** Varying delay that keeps the order: half a bell curve, or Wi-Fi with its rare long waits and this mean (1 to 90 ms). */
  readonly jitter?: { readonly gaussMs: number } | { readonly wifiMs: number };
  /** Packets are lost. */
  readonly blackout?: Intervals;
  /** Packets wait. */
  readonly suspension?: Intervals;
  /** The sender's port changes, as behind a NAT that forgets. What is sent to any of its ports finds the way back. */
  readonly rebinding?: { readonly firstMs: number; readonly everyMs: number; readonly count?: number };
  /** Packets lost by index, the first being 0. */
  readonly dropIndices?: readonly number[];
}

/** The settings as wasm/crates/sim reads them; `startMicros` is when the simulation began. */
export function linkNumbers(settings: LinkSettings, startMicros: number): number[] {
  const micros = (ms = 0) => Math.round(ms * 1000);
  const ppm = (percent = 0) => Math.round(percent * 10_000);
  const intervals = (each: Intervals | undefined) =>
    each === undefined
      ? [0, 0, 0, 0]
      : [startMicros + micros(each.firstMs), micros(each.lengthMs), micros(each.pauseMs), each.count ?? 0];
  const { jitter, burst, rebinding } = settings;
  const jitterNumbers =
    jitter === undefined ? [0, 0] : "gaussMs" in jitter ? [1, micros(jitter.gaussMs)] : [2, micros(jitter.wifiMs)];
  return [
    micros(settings.latencyMs),
    Math.round((settings.rateKbps ?? 0) * 1000),
    settings.queuePackets ?? 0,
    settings.mtu ?? 0,
    ppm(settings.lossPercent),
    settings.lossRun ?? 0,
    burst?.period ?? 0,
    burst?.length ?? 0,
    ppm(settings.corruptPercent),
    ppm(settings.reorderPercent),
    ppm(settings.duplicatePercent),
    ppm(settings.markPercent),
    ...jitterNumbers,
    ...intervals(settings.blackout),
    ...intervals(settings.suspension),
    ...intervals(rebinding && { ...rebinding, lengthMs: 0, pauseMs: rebinding.everyMs }),
  ];
}
