/**
 * The engine alone: a bulk transfer in memory, packets of 1200 bytes, at most 256 KiB in flight, one ACK for two or for ten
 * packets. Time per data packet and side, encryption and the benchmark's own copying taken off.
 *
 * They are taken off by a CPU profile, as the share of samples in their functions: so the wasm that is measured is the one
 * that ships. A module with a cipher that does nothing would be compiled, inlined and laid out in another way, and would
 * have to be kept from ever being published.
 */
import { createAuthority } from "@moqingbird/testing";
import { alone, atMost, type Figure, less } from "./figure.ts";
import { MemoryPair } from "./memory-pair.ts";
import { record, type Share, shares, writeProfile } from "./profile.ts";
import type { Settings } from "./settings.ts";

/** µs per data packet and side, encryption excluded, at one ACK for two packets or fewer. */
const budgetMicros = 0.9;
const slicePackets = 1000;

interface Round {
  readonly engine: number;
  readonly encryption: number;
  readonly harness: number;
}

export async function engine({ seconds, rounds, profile }: Settings): Promise<Figure[]> {
  const leaf = await (await createAuthority()).issue(["localhost"]);
  const pairs = [2, 10].map((packetsPerAck) => ({
    packetsPerAck,
    pair: new MemoryPair({
      crypto: "simd",
      leaf,
      burst: packetsPerAck,
      ackEveryPackets: packetsPerAck === 2 ? 0 : packetsPerAck,
    }),
    rounds: [] as Round[],
  }));
  for (const { pair } of pairs) pair.transfer(20 * slicePackets);
  for (let round = 0; round < rounds; round++) {
    for (const { pair, packetsPerAck, rounds } of pairs) {
      const file = profile === undefined ? undefined : `${profile}/ack-1-to-${packetsPerAck}.cpuprofile`;
      rounds.push(await measure(pair, seconds, file));
    }
  }
  return pairs.flatMap(({ packetsPerAck, rounds }) => {
    const name = `engine-ack-1-to-${packetsPerAck}`;
    const encryption = { name: "the packet's encryption", values: rounds.map((round) => round.encryption) };
    const unit = "us/packet/side";
    return [
      atMost(
        less(
          name,
          unit,
          rounds.map((round) => round.engine),
          encryption,
        ),
        budgetMicros,
      ),
      alone(
        `${name}-harness`,
        unit,
        rounds.map((round) => round.harness),
      ),
    ];
  });
}

async function measure(pair: MemoryPair, seconds: number, file: string | undefined): Promise<Round> {
  const stop = await record();
  const before = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  let packets = 0;
  do {
    pair.transfer(slicePackets);
    packets += slicePackets;
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(before);
  const profile = await stop();
  if (file !== undefined) writeProfile(file, profile);
  const perSide = (user + system) / packets / 2;
  const list = shares(profile);
  const encryption = sum(list, /moqingbird_aead|\bring::|ring_core/);
  const harness = sum(list, /\[memory-pair\.ts|\[engine\.ts:|^set$|^subarray$|TypedArray/);
  return {
    encryption: encryption * perSide,
    harness: harness * perSide,
    engine: (1 - encryption - harness) * perSide,
  };
}

function sum(list: readonly Share[], pattern: RegExp): number {
  return list.filter(({ name }) => pattern.test(name)).reduce((all, { share }) => all + share, 0);
}
