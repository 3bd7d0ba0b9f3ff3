/** Pacing with the timers Node has: a millisecond of grain, and up to one late. */
import { expect, test } from "vitest";
import { Simulation, type Transferred, transfer } from "../src/index.ts";

const rateKbps = 50_000;
const packetBytes = 1452;
/** What the pacer may send at once: 2 ms of its rate, which is 5/4 of the link's, but 10 packets at the least. */
const pacedBurst = 10;

const over = (tickMicros: number, congestion: "cubic" | "bbr"): Promise<Transferred> =>
  transfer(new Simulation(1), {
    bytes: 5_000_000,
    link: { rateKbps, latencyMs: 10, queuePackets: 60 },
    transport: { congestion },
    sender: { tickMicros },
    receiver: { tickMicros },
    limitMs: 20_000,
  });

test.each(["cubic", "bbr"] as const)(
  "%s is as fast with timers of a millisecond as with exact ones",
  async (congestion) => {
    const exact = await over(1, congestion);
    const coarse = await over(1000, congestion);
    expect(coarse.goodputKbps).toBeGreaterThan(exact.goodputKbps * 0.95);
    expect(coarse.goodputKbps).toBeGreaterThan(rateKbps * 0.8);
  },
);

test("bursts stay what the pacer allows plus what a late timer adds", async () => {
  const { sending } = await over(1000, "cubic");
  const { maxPacketsPerTurn, turns, packetsSent } = sending.runtime.executor.counters;
  const perMillisecond = ((rateKbps / 8) * 1.25) / packetBytes;
  expect(maxPacketsPerTurn).toBeLessThanOrEqual(Math.ceil(pacedBurst + 2 * perMillisecond));
  expect(turns).toBeLessThan(packetsSent * 4);
});

test("a receiver that takes 400 µs for a packet is not overrun for long", async () => {
  const { receiving, goodputKbps } = await transfer(new Simulation(1), {
    bytes: 2_000_000,
    link: { latencyMs: 10 },
    receiver: { cpuMicrosPerPacket: 400, bufferPackets: 100 },
    limitMs: 20_000,
  });
  expect(receiving.host.overrunPackets).toBeGreaterThan(0);
  expect(goodputKbps).toBeGreaterThan(((packetBytes * 8) / 0.4) * 0.7);
});
