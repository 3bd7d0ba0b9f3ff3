/**
 * Goodput over faulty links, as userspace emulators measured it for ngtcp2 0.12.1 at both ends (HTTP/3, cubic): 3 MB at
 * 10 Mbit/s with a queue of 25 packets. Ours, a raw stream under cubic, must reach 80 % of each.
 */
import type { LinkCounters, LinkSettings } from "@moqingbird/testing";
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
}

const bytes = 3_000_000;
const share = 0.8;
/** In the other direction and without a fault, one row takes 2.7 s. */
const limitMs = 120_000;

const line: LinkSettings = { rateKbps: 10_000, queuePackets: 25, latencyMs: 15 };

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
    name: "rebinding",
    summary: "the client's port changes every second",
    link: { ...line, rebinding: { firstMs: 500, everyMs: 1000 } },
    yardstickKbps: 8317,
    faults: ["rebound"],
  },
  {
    name: "congestion-experienced",
    summary: "5 % marked CE",
    link: { ...line, markPercent: 5 },
    yardstickKbps: 2014,
    faults: ["marked"],
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
  },
];

export const yardsticks: readonly Scenario[] = rows.map(({ name, summary, link, yardstickKbps, faults }) => ({
  name: `link-${name}`,
  summary: `3 MB over 10 Mbit/s, ${summary}: at least ${share * 100} % of ${yardstickKbps} kbit/s`,
  weight: "heavy",
  async run(simulation) {
    const { completionMs, goodputKbps, counters } = await transfer(simulation, { bytes, link, limitMs });
    for (const fault of faults) happened(fault, counters[fault]);
    atLeast("goodputKbps", goodputKbps, yardstickKbps * share);
    return { completionMs, goodputKbps, ofYardstick: goodputKbps / yardstickKbps };
  },
}));
