/**
 * Goodput over faulty links, as userspace emulators measured it for ngtcp2 0.12.1 at both ends (HTTP/3, cubic): 3 MB at
 * 10 Mbit/s with a queue of 25 packets. Ours under cubic, a stream of QUIC and one of WebTransport, must reach 80 % of each:
 * the middle one of five transfers, because one run with 2 % loss differs from the next by a third; or their mean.
 */
import { type LinkCounters, type LinkSettings, totalCounters } from "@moqingbird/testing";
import { type Carriage, overQuic, overWebTransport, UnequalBytes } from "../carriage.ts";
import { atLeast, happened, type Scenario } from "../scenario.ts";
import { transfer } from "../transfer.ts";

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly link: LinkSettings;
  readonly back?: LinkSettings;
  /** ngtcp2's goodput, in kbit/s. */
  readonly yardstickKbps: number;
  /** Counters that must have moved. */
  readonly faults: readonly (keyof LinkCounters)[];
  /** Of how many transfers the middle one counts. Default 5. */
  readonly transfers?: number;
  /**
   * The mean counts, and a transfer that comes to nothing is 0 in it: handshakes have their packets repeated at growing
   * intervals, and about a third of the transfers lose the one ACK_FREQUENCY frame, which quinn-proto 0.11.19 does not
   * repeat: acknowledgements then wait for 25 ms, and the transfer takes three times as long. Of two kinds the middle is luck.
   */
  readonly mayFail?: boolean;
}

const bytes = 3_000_000;
const share = 0.8;
/** Without a fault a transfer takes 2.7 s. */
const limitMs = 120_000;

const line: LinkSettings = { rateKbps: 10_000, queuePackets: 25, latencyMs: 15 };
const seconds = { firstMs: 1000, lengthMs: 1000, pauseMs: 1000 };

const rows: readonly Row[] = [
  { name: "plain", summary: "15 ms one way", link: line, yardstickKbps: 9064, faults: ["queueDropped"] },
  {
    name: "satellite",
    summary: "750 ms one way",
    link: { ...line, latencyMs: 750 },
    yardstickKbps: 562,
    faults: [],
  },
  { name: "loss", summary: "2 % loss", link: { ...line, lossPercent: 2 }, yardstickKbps: 3124, faults: ["lost"] },
  {
    name: "corrupt",
    summary: "one bit flipped in 2 % of the packets",
    link: { ...line, corruptPercent: 2 },
    yardstickKbps: 3756,
    faults: ["corrupted"],
    transfers: 21, // the bar is near what there is to have at this loss
  },
  {
    name: "reorder",
    summary: "10 % reordered, 5 % duplicated, queue of 50",
    link: { ...line, queuePackets: 50, reorderPercent: 10, duplicatePercent: 5 },
    yardstickKbps: 8450,
    faults: ["reordered", "duplicated"],
  },
  {
    name: "rebinding",
    summary: "the client's port changes every second",
    link: { ...line, rebinding: { firstMs: 500, everyMs: 1000 } },
    yardstickKbps: 8317,
    faults: ["rebound"],
  },
  {
    name: "narrow",
    summary: "no packet above 1300 bytes gets through",
    link: { ...line, mtu: 1300 },
    yardstickKbps: 9064, // of the same line without the bound
    faults: ["tooLarge"],
  },
  {
    name: "congestion-experienced",
    summary: "5 % marked CE",
    link: { ...line, markPercent: 5 },
    yardstickKbps: 2014,
    faults: ["marked"],
  },
  {
    name: "blackout",
    summary: "1 s on, 1 s off",
    link: { ...line, blackout: seconds },
    yardstickKbps: 3399,
    faults: ["blackedOut"],
    transfers: 11, // each meets the dark at moments of its own
  },
  {
    name: "veth",
    summary: "no latency, no loss",
    link: { ...line, latencyMs: 0 },
    yardstickKbps: 9237,
    faults: ["queueDropped"],
  },
  {
    name: "veth-loss",
    summary: "no latency, 2 % loss",
    link: { ...line, latencyMs: 0, lossPercent: 2 },
    yardstickKbps: 9020,
    faults: ["lost"],
  },
  {
    name: "veth-heavy-loss",
    summary: "no latency, 30 % loss",
    link: { ...line, latencyMs: 0, lossPercent: 30 },
    yardstickKbps: 892,
    faults: ["lost"],
    mayFail: true,
  },
];

/** How the bytes are carried, and what the names of its scenarios begin with. */
const carriages: readonly { readonly prefix: string; readonly what: string; readonly carriage: Carriage }[] = [
  { prefix: "link", what: "a QUIC stream", carriage: overQuic },
  { prefix: "webtransport", what: "a WebTransport stream", carriage: overWebTransport },
];

export const yardsticks: readonly Scenario[] = carriages.flatMap(({ prefix, what, carriage }) =>
  rows.map(({ name, summary, link, yardstickKbps, faults, transfers = 5, mayFail }) => ({
    name: `${prefix}-${name}`,
    summary: `3 MB on ${what} over 10 Mbit/s, ${summary}: at least ${share * 100} % of ${yardstickKbps} kbit/s`,
    weight: "heavy",
    async run(simulation) {
      const goodputs: number[] = [];
      for (let n = 0; n < transfers; n++) {
        const once = transfer(simulation, { bytes, link, carriage, limitMs }).then((done) => done.goodputKbps);
        goodputs.push(await (mayFail ? once.catch(unlessUnequal) : once));
      }
      const counters = totalCounters(simulation.links);
      for (const fault of faults) happened(fault, counters[fault]);
      const goodputKbps = mayFail ? mean(goodputs) : middle(goodputs);
      atLeast("goodputKbps", goodputKbps, yardstickKbps * share);
      return { goodputKbps, ofYardstick: goodputKbps / yardstickKbps, completionMs: (bytes * 8) / goodputKbps };
    },
  })),
);

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

/** What a transfer that broke off counts; bytes that arrived and differ are no matter of luck. */
function unlessUnequal(error: unknown): number {
  if (error instanceof UnequalBytes) throw error;
  return 0;
}
