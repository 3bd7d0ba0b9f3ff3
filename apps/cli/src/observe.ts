/**
 * Looking inside while a command runs: `--qlog`, `--trace`, and the environment's SSLKEYLOGFILE and QLOGDIR. All of it is
 * off unless asked for.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { executor, type LoopSummary, type ObservingOptions } from "@moqingbird/transport";
import { z } from "zod";
import type { Surroundings } from "./command.ts";
import { Failure, systemReason } from "./failure.ts";
import { flag } from "./flags.ts";

export const observeFlags = {
  qlog: flag(z.string().optional(), {
    value: "DIR",
    description: "write a log of every packet, one .sqlog file per connection, into this directory",
    defaultSays: "none, or $QLOGDIR",
  }),
  trace: flag(z.boolean().default(false), {
    description: "tell every second what the packet loop does: turns and why, packets, lag",
  }),
};

export interface ObserveValues {
  readonly qlog?: string | undefined;
  readonly trace: boolean;
}

/** Whom to tell what `observe` has to say. */
export interface Told {
  /** TLS secrets are being written to this file. */
  keyLog(file: string): void;
  loop(summary: LoopSummary): void;
}

export interface Observation {
  /** For `connect`, `listen` or a relay. */
  readonly options: ObservingOptions;
  /** Tells the last second and closes the files. */
  stop(): void;
}

/** How often `--trace` tells. */
const traceMs = 1000;
/** Who has a key log can read the traffic: it is for its owner alone. */
const privateMode = 0o600;

/** Starts what flags and environment ask for. Throws a Failure when a file cannot be written. */
export function observe(values: ObserveValues, { env }: Pick<Surroundings, "env">, told: Told): Observation {
  const directory = values.qlog ?? (env.QLOGDIR || undefined);
  const keys = openKeyLog(env.SSLKEYLOGFILE || undefined, told);
  const trace = values.trace ? traceLoop(told) : undefined;
  return {
    options: { ...(directory !== undefined && { qlog: { directory } }), ...(keys && { keyLog: keys.write }) },
    stop: () => {
      trace?.stop();
      keys?.close();
    },
  };
}

/** Sentences on standard error: for commands whose standard error is for people. */
export function toldOn({ stderr }: Pick<Surroundings, "stderr">): Told {
  return {
    keyLog: (file) => {
      stderr.write(
        `moqb: SSLKEYLOGFILE is set: TLS secrets go to ${file}, and who has them can read all that is sent here\n`,
      );
    },
    loop: (summary) => stderr.write(`moqb: loop: ${loopSentence(summary)}\n`),
  };
}

/** `412 turns in 1.0 s (packets 300, timer 112), …`. */
export function loopSentence(summary: LoopSummary): string {
  const { turns, spanMicros, reasons, packetsReceived, packetsSent, maxPacketsPerTurn, missedTurns } = summary;
  const each = (count: number) => (turns === 0 ? "0" : (count / turns).toFixed(1));
  const milliseconds = (micros: number) => (micros / 1000).toFixed(2);
  const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`);
  const busy = spanMicros === 0 ? 0 : (100 * summary.busyMicros) / spanMicros;
  return [
    `${turns} turns in ${(spanMicros / 1e6).toFixed(1)} s${why.length > 0 ? ` (${why.join(", ")})` : ""}`,
    `${each(packetsReceived)} packets in and ${each(packetsSent)} out a turn, at most ${maxPacketsPerTurn}`,
    `${summary.tasks} tasks, ${summary.timers} timers`,
    `lag ${milliseconds(summary.meanLagMicros)} ms, at most ${milliseconds(summary.maxLagMicros)}`,
    `${busy.toFixed(0)} % busy`,
    ...(missedTurns > 0 ? [`${missedTurns} turns more`] : []),
  ].join("; ");
}

function openKeyLog(file: string | undefined, told: Told): { write(line: string): void; close(): void } | undefined {
  if (file === undefined) return undefined;
  let descriptor: number;
  try {
    descriptor = openSync(file, "a", privateMode);
  } catch (error) {
    const sentence = `SSLKEYLOGFILE ${file} cannot be written: ${systemReason(error)}; give another file, or unset it`;
    throw new Failure("input-output", sentence, { cause: error });
  }
  told.keyLog(file);
  let open = true;
  return {
    // At once and in whole lines: several processes may share the file, and a capture is read while it runs.
    write: (line) => void (open && writeSync(descriptor, `${line}\n`)),
    close: () => {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}

function traceLoop(told: Told): { stop(): void } {
  const trace = executor().trace();
  const timer = setInterval(() => told.loop(trace.summary()), traceMs).unref();
  return {
    stop: () => {
      clearInterval(timer);
      trace.stop();
      told.loop(trace.summary());
    },
  };
}
