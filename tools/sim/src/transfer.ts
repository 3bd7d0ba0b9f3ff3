/** One client, one server, one stream: how long so many bytes take over a link. */
import {
  type HostSettings,
  type LinkCounters,
  type LinkPair,
  type LinkSettings,
  seededBytes,
  totalCounters,
} from "@moqingbird/testing";
import type { Connection, TransportSettings } from "@moqingbird/transport";
import { type Carriage, overQuic } from "./carriage.ts";
import type { Process, ProcessSettings } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/** What is sent, over what. */
export interface Transfer {
  readonly bytes: number;
  readonly link: LinkSettings;
  /** The other direction. Default: the same. */
  readonly back?: LinkSettings;
  /** Default: a stream of a QUIC connection. */
  readonly carriage?: Carriage;
  readonly transport?: TransportSettings;
  readonly sender?: HostSettings & ProcessSettings;
  readonly receiver?: HostSettings & ProcessSettings;
  /** Virtual time after which it is given up. */
  readonly limitMs: number;
}

/** How it went. */
export interface Transferred {
  /** From the first packet of the handshake to the last byte, in ms. */
  readonly completionMs: number;
  readonly goodputKbps: number;
  readonly counters: LinkCounters;
  readonly link: LinkPair;
  readonly sender: Connection;
  readonly sending: Process;
  readonly receiving: Process;
}

/** Sends the bytes from client to server, and compares them. */
export async function transfer(simulation: Simulation, options: Transfer): Promise<Transferred> {
  const { carriage = overQuic, transport = {} } = options;
  const receiving = simulation.process(options.receiver);
  const sending = simulation.process(options.sender);
  const link = simulation.link(sending, receiving, options.link, options.back);
  const bytes = seededBytes(options.bytes, simulation.seed);
  const started = simulation.elapsedMs;
  const work = carriage(sending, receiving, bytes, transport);
  const sender = await simulation.until(work, options.limitMs, "the last byte");
  const completionMs = simulation.elapsedMs - started;
  const goodputKbps = (options.bytes * 8) / completionMs;
  return { completionMs, goodputKbps, counters: totalCounters([link]), link, sender, sending, receiving };
}
