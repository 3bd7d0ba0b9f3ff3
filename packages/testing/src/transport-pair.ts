/**
 * Two connections joined in memory: streams, resets, stops, datagrams and closing as over QUIC, but without packets, time
 * or UDP. Everything moves in small steps in a fixed order, so a test that fails once fails always. The types are the
 * shape that `@moqingbird/session` asks for and `@moqingbird/transport` offers, written down a third time so that this
 * package depends on neither.
 */

import { type LinkEnd, PairEnd } from "./pair-end.ts";

export interface TransportPairOptions {
  /** Protocol both ends report as agreed. Default `moq-00`. */
  readonly protocol?: string;
  /**
   * `immediate` (default): everything that can move does so in the microtask after it was asked for.
   * `manual`: nothing moves until `deliver()` or `step()`.
   */
  readonly delivery?: "immediate" | "manual";
  /** Most bytes pulled from a source at once. Small values cut headers and payloads everywhere. Default 1200. */
  readonly maxPullBytes?: number;
  /** Bytes a stream may be ahead of its reader. Default 256 KiB. */
  readonly streamCreditBytes?: number;
  /** Largest datagram. Default 1200; 0 switches datagrams off. */
  readonly maxDatagramBytes?: number;
}

export interface TransportPair {
  readonly client: PairEnd;
  readonly server: PairEnd;
  /** Moves one thing; false when nothing can move. */
  step(): boolean;
  /** Moves everything that can; returns the number of steps. Throws after `maxSteps` (default 1 000 000): a live loop. */
  deliver(maxSteps?: number): number;
}

/** Joins two connections. The client's `side` is "client"; otherwise they are alike. */
export function createTransportPair(options: TransportPairOptions = {}): TransportPair {
  const immediate = (options.delivery ?? "immediate") === "immediate";
  let scheduled = false;

  const link = (side: "client" | "server"): LinkEnd => ({
    side,
    protocol: options.protocol ?? "moq-00",
    maxPullBytes: options.maxPullBytes ?? 1200,
    streamCreditBytes: options.streamCreditBytes ?? 256 * 1024,
    maxDatagramBytes: options.maxDatagramBytes ?? 1200,
    wake() {
      if (!immediate || scheduled) return;
      scheduled = true;
      queueMicrotask(() => {
        scheduled = false;
        deliver();
      });
    },
  });

  const client = new PairEnd(link("client"));
  const server = new PairEnd(link("server"));
  client.join(server);
  server.join(client);

  let serverNext = false;
  function step(): boolean {
    const first = serverNext ? server : client;
    const second = serverNext ? client : server;
    serverNext = !serverNext;
    return first.step() || second.step();
  }
  function deliver(maxSteps = 1_000_000): number {
    let steps = 0;
    while (step()) if (++steps > maxSteps) throw new Error(`Still moving after ${maxSteps} steps.`);
    return steps;
  }
  return { client, server, step, deliver };
}
