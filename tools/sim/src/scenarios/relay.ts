/** A file through publisher, relay and subscriber over links that lose and reorder: it arrives equal, in time. */

import type { Congestion } from "@moqingbird/engine";
import { type LinkSettings, seededBytes, totalCounters } from "@moqingbird/testing";
import { announce, follow, join, startRelay } from "../media.ts";
import { atMost, type Figures, happened, type Scenario } from "../scenario.ts";
import type { Simulation } from "../simulation.ts";

const objectBytes = 64 * 1024;
const objectsPerGroup = 64;
const settleMs = 500;

interface File {
  readonly bytes: number;
  readonly congestion: Congestion;
  readonly link: typeof far;
  readonly limitMs: number;
}

async function relayed(simulation: Simulation, { bytes, congestion, link, limitMs }: File): Promise<Figures> {
  const [publisher, relay, subscriber] = [simulation.process(), simulation.process(), simulation.process()];
  simulation.link(publisher, relay, link);
  simulation.link(subscriber, relay, link);
  const file = seededBytes(bytes, simulation.seed);
  const transport = { congestion };
  let startedMs = 0;

  const work = async () => {
    await startRelay(relay, transport);
    const broadcast = await announce(publisher, relay, transport);
    broadcast.onTrackRequest = (request) => {
      const track = request.accept();
      // A subscription starts with the newest group: the first one has to come after it.
      publisher.loop.schedule(settleMs, () => {
        startedMs = simulation.elapsedMs;
        for (let at = 0; at < bytes; ) {
          const group = track.appendGroup();
          for (let object = 0; object < objectsPerGroup && at < bytes; object++, at += objectBytes) {
            group.writeObject(file.subarray(at, at + objectBytes));
          }
          group.finish();
        }
      });
    };
    const session = await join(subscriber, relay, transport);
    const done = Promise.withResolvers<void>();
    let left = bytes;
    await follow(subscriber, session, "file", ({ group, object, payload }) => {
      const at = (group * objectsPerGroup + object) * objectBytes;
      if (Buffer.compare(payload, file.subarray(at, at + objectBytes)) !== 0) {
        done.reject(new Error(`Object ${object} of group ${group} is not what was sent.`));
      }
      left -= payload.length;
      if (left === 0) done.resolve();
    });
    await done.promise;
  };
  await simulation.until(work(), limitMs * 2, "the last object");

  const completionMs = simulation.elapsedMs - startedMs;
  const counters = totalCounters(simulation.links);
  happened("lost", counters.lost);
  happened("reordered", counters.reordered);
  atMost("completionMs", completionMs, limitMs);
  return { completionMs, lost: counters.lost, reordered: counters.reordered };
}

const far = { latencyMs: 20, lossPercent: 2, reorderPercent: 1 } satisfies LinkSettings;
/** A clip is a few hundred packets: at 1 % one seed in four hundred would reorder none. */
const shaken = { ...far, reorderPercent: 3 } satisfies LinkSettings;

/**
 * What loss-based control can do: 1.22 packets of 1452 bytes per round trip of 40 ms over the root of 2 % are 2.5 Mbit/s
 * (RFC 5348 section 3.1, simplified), 64 s for 20 MB, and reordering by half a round trip counts as loss too.
 */
const files: readonly (File & { readonly name: string; readonly weight: Scenario["weight"] })[] = [
  { name: "relay-file-cubic", weight: "heavy", bytes: 20_000_000, congestion: "cubic", link: far, limitMs: 100_000 },
  { name: "relay-file-bbr", weight: "heavy", bytes: 20_000_000, congestion: "bbr", link: far, limitMs: 10_000 },
  { name: "relay-clip-cubic", weight: "light", bytes: 300_000, congestion: "cubic", link: shaken, limitMs: 6_000 },
  { name: "relay-clip-bbr", weight: "light", bytes: 300_000, congestion: "bbr", link: shaken, limitMs: 3_000 },
];

export const relayFiles: readonly Scenario[] = files.map(({ name, weight, ...file }) => ({
  name,
  summary: `${file.bytes / 1e6} MB through a relay, 20 ms each way, 2 % loss, ${file.link.reorderPercent} % reordered, ${file.congestion}: at most ${file.limitMs / 1000} s`,
  weight,
  run: (simulation) => relayed(simulation, file),
}));
