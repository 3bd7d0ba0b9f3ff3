/**
 * One publisher, two relays of which one feeds the other, ten subscribers: a live broadcast over links that lose, reorder,
 * duplicate and jitter. Every object reaches everybody, equal, and soon.
 */
import { type LinkSettings, seededBytes, totalCounters } from "@moqingbird/testing";
import { announce, chain, follow, join, startRelay } from "../media.ts";
import { atMost, happened, type Scenario } from "../scenario.ts";

const subscribersPerRelay = 5;
const groups = 3;
const objectsPerGroup = 15;
const framePeriodMs = 33;
const frameBytes = 3000;
const settleMs = 1000;

const near: LinkSettings = { latencyMs: 5, rateKbps: 100_000, lossPercent: 0.5 };
const edge: LinkSettings = {
  latencyMs: 15,
  rateKbps: 20_000,
  queuePackets: 100,
  lossPercent: 1,
  reorderPercent: 1,
  duplicatePercent: 1,
  jitter: { gaussMs: 2 },
};

export const mesh: Scenario = {
  name: "mesh",
  summary: "publisher, relay, relay behind it, ten subscribers, live: every frame everywhere, none later than 600 ms",
  weight: "light",
  async run(simulation) {
    const { network, seed } = simulation;
    const publisher = simulation.process();
    const [first, second] = [simulation.process(), simulation.process()];
    simulation.link(publisher, first, near);
    simulation.link(second, first, near);
    const subscribers = [first, second].flatMap((relay) =>
      Array.from({ length: subscribersPerRelay }, () => {
        const subscriber = simulation.process();
        simulation.link(subscriber, relay, edge);
        return { subscriber, relay };
      }),
    );
    const total = groups * objectsPerGroup;
    const frames = Array.from({ length: total }, (_, n) => seededBytes(frameBytes, seed * total + n));
    const sentAt: number[] = [];
    const latencies: number[] = [];
    const everybody = Promise.withResolvers<void>();

    const work = async () => {
      const hubs = [await startRelay(first), await startRelay(second)] as const;
      const broadcast = await announce(publisher, first);
      const track = broadcast.createTrack("video");
      await chain(second, hubs[1], first);
      await Promise.all(
        subscribers.map(async ({ subscriber, relay }) => {
          const session = await join(subscriber, relay);
          const seen = new Set<number>();
          await follow(subscriber, session, "video", ({ group, object, payload, atMs }) => {
            const n = group * objectsPerGroup + object;
            if (seen.has(n) || Buffer.compare(payload, frames[n] as Uint8Array) !== 0) {
              everybody.reject(new Error(`Object ${object} of group ${group} came twice, or is not what was sent.`));
            }
            seen.add(n);
            latencies.push(atMs - (sentAt[n] as number));
            if (latencies.length === total * subscribers.length) everybody.resolve();
          });
        }),
      );
      let n = 0;
      let group = track.appendGroup();
      const tick = () => {
        sentAt[n] = simulation.elapsedMs;
        group.writeObject(frames[n] as Uint8Array);
        n++;
        if (n % objectsPerGroup === 0) {
          group.finish();
          if (n < total) group = track.appendGroup();
        }
        if (n < total) publisher.loop.schedule(framePeriodMs, tick);
      };
      publisher.loop.schedule(settleMs, tick);
      await everybody.promise;
    };
    await simulation.until(work(), 20_000, "the last frame at the last subscriber");

    const counters = totalCounters(simulation.links);
    for (const fault of ["lost", "reordered", "duplicated", "jittered"] as const) happened(fault, counters[fault]);
    const worstMs = latencies.reduce((most, each) => Math.max(most, each), 0);
    const meanMs = latencies.reduce((sum, each) => sum + each, 0) / latencies.length;
    atMost("worstMs", worstMs, 600);
    atMost("meanMs", meanMs, 60);
    if (network.strayPackets > 0) throw new Error(`${network.strayPackets} packets went astray.`);
    return { meanMs, worstMs, lost: counters.lost, completionMs: simulation.elapsedMs };
  },
};
