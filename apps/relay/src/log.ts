/**
 * The relay's log: one JSON object per line. Every step of a session is an event with a fixed name, so that a log proves what
 * was done: who connected, what was announced, which subscription was forwarded, what was refused and with which code.
 */

import { openSync } from "node:fs";
import { type DestinationStream, destination, type Logger, pino } from "pino";

/** Levels in order; each includes those after it. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  /** Default "info". "debug" adds every group, "trace" every datagram. */
  readonly level?: LogLevel | undefined;
  /** Where the lines go. Default: standard error. */
  readonly destination?: DestinationStream | undefined;
}

export type RelayLogger = Logger;

/** Bytes of lines that wait for a slow reader or disk; what comes above is lost. */
const maxWaitingBytes = 1024 * 1024;

/** Never waits for who takes the lines: peers cause them, and what they slow down would be everybody's media. */
function writeTo(descriptor: number) {
  return destination({ dest: descriptor, sync: false, maxLength: maxWaitingBytes });
}

/** A logger whose lines carry `time` as ISO 8601, `level` as a word, and `event`. */
export function createLogger(options: LogOptions = {}): RelayLogger {
  return pino(
    {
      level: options.level ?? "info",
      base: null,
      messageKey: "says",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? writeTo(2),
  );
}

/**
 * Opens a log file for appending. Rejects with the system's error when that is not possible. When peers cause lines faster
 * than the disk takes them, lines are lost, not memory.
 */
export async function openLogFile(file: string): Promise<DestinationStream & { end(): void }> {
  return writeTo(openSync(file, "a"));
}
