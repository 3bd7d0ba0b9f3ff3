/** One session against a raw peer, on a virtual clock. */

import { type Cache, TrackNamespace } from "@moqingbird/model";
import { createTransportPair, type TransportPair, type TransportPairOptions, VirtualClock } from "@moqingbird/testing";
import { accept, connect, type Session, type SessionOptions } from "../../src/index.ts";
import { RawPeer } from "./raw-peer.ts";
import { testCache } from "./sessions.ts";

export interface Against {
  readonly clock: VirtualClock;
  readonly pair: TransportPair;
  readonly peer: RawPeer;
  readonly session: Session;
  readonly cache: Cache;
}

export interface AgainstOptions extends SessionOptions {
  readonly transport?: TransportPairOptions;
  /** The raw peer's MAX_REQUEST_ID; default 1000. */
  readonly peerMaxRequestId?: number;
  readonly peerImplementation?: string;
}

function setup({ peerMaxRequestId = 1000, peerImplementation = "raw" }: AgainstOptions) {
  return { maxRequestId: peerMaxRequestId, implementation: peerImplementation };
}

/** A client session against a raw server. */
export async function againstServer(options: AgainstOptions = {}): Promise<Against> {
  const clock = new VirtualClock();
  const pair = createTransportPair(options.transport);
  // On a clock of its own, so that the session's timers can be counted.
  const cache = options.cache ?? testCache(new VirtualClock());
  const peer = new RawPeer(pair.server);
  const connecting = connect(pair.client, { timers: clock, ...options, cache });
  await peer.accept(setup(options));
  return { clock, pair, peer, session: await connecting, cache };
}

/** A server session against a raw client. */
export async function againstClient(options: AgainstOptions = {}): Promise<Against> {
  const clock = new VirtualClock();
  const pair = createTransportPair(options.transport);
  // On a clock of its own, so that the session's timers can be counted.
  const cache = options.cache ?? testCache(new VirtualClock());
  const peer = new RawPeer(pair.client);
  const accepting = accept(pair.server, { timers: clock, ...options, cache });
  await peer.connect(setup(options));
  return { clock, pair, peer, session: await accepting, cache };
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const fields = (...names: string[]): Uint8Array[] => names.map(utf8);
export const ns = (path: string): TrackNamespace => TrackNamespace.parse(path);
