/**
 * The engine alone: a bulk transfer in memory, packets of 1200 bytes, at most 256 KiB in flight, one ACK for two or for ten
 * packets. Time per data packet and side, encryption and the benchmark's own copying taken off.
 *
 * They are taken off by a CPU profile, as the share of samples in their functions: so the wasm that is measured is the one
 * that ships. A module with a cipher that does nothing would be compiled, inlined and laid out in another way, and would
 * have to be kept from ever being published.
 *
 * Beside them: what asking a source for bytes costs, which is all that payloads which lie in the engine's memory already could
 * save; and how often the wasm is called and memory is asked for (a test of wasm/crates/quic names the askers).
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
  readonly prepare: number;
  readonly requests: number;
  readonly calls: number;
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
      alone(
        `${name}-prepare`,
        "us/packet",
        rounds.map((round) => round.prepare),
      ),
      alone(
        `${name}-allocations`,
        "per packet and side",
        rounds.map((round) => round.requests),
      ),
      alone(
        `${name}-calls`,
        "per turn",
        rounds.map((round) => round.calls),
      ),
    ];
  });
}

async function measure(pair: MemoryPair, seconds: number, file: string | undefined): Promise<Round> {
  const stop = await record();
  const effort = pair.effort;
  const before = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  let packets = 0;
  do {
    pair.transfer(slicePackets);
    packets += slicePackets;
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(before);
  const profile = await stop();
  const { requests, calls, turns } = pair.effort;
  if (file !== undefined) writeProfile(file, profile);
  const perSide = (user + system) / packets / 2;
  const list = shares(profile);
  const encryption = sum(list, /moqingbird_aead|\bring::|ring_core/);
  const harness = sum(list, /\[memory-pair\.ts|\[engine\.ts:|^set$|^subarray$|TypedArray/);
  const prepare = sum(list, /^prepare|wasm-to-js/);
  return {
    encryption: encryption * perSide,
    harness: harness * perSide,
    prepare: prepare * perSide * 2, // only the sender is asked
    requests: (requests - effort.requests) / packets / 2,
    calls: (calls - effort.calls) / (turns - effort.turns),
    engine: (1 - encryption - harness) * perSide,
  };
}

function sum(list: readonly Share[], pattern: RegExp): number {
  return list.filter(({ name }) => pattern.test(name)).reduce((all, { share }) => all + share, 0);
}
