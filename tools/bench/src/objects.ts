/** Objects of 1200 bytes, each on a stream of its own: what a relay does all day. Per CPU-second of each side. */
import { alone, type Figure, median, more } from "./figure.ts";
import type { Settings } from "./settings.ts";
import { type Contender, peerOf, type Round, transfers } from "./transfer.ts";

/** Times what the best native addon manages. */
const budget = 3;
/** An object with its headers and tag. */
const datagramBytes = 1252;

const perSenderCpu = ({ sent, received }: Round) => received.units / sent.cpuSeconds;
const perReceiverCpu = ({ received }: Round) => received.units / received.cpuSeconds;

export async function objects(settings: Settings): Promise<Figure[]> {
  const [ours, raw, ...peers] = await transfers("objects", datagramBytes, settings);
  if (ours === undefined || raw === undefined) throw new Error("nothing was measured");
  for (const { totals } of ours.rounds) {
    if (totals.received.units !== totals.sent.units) {
      throw new Error(`the receiver has ${totals.received.units} of ${totals.sent.units} objects`);
    }
  }
  const of = (value: (round: Round) => number) => ours.rounds.map(value);
  const sides = [
    { name: "objects-sender", value: perSenderCpu },
    { name: "objects-receiver", value: perReceiverCpu },
  ];
  return [
    alone(
      "objects-rate",
      "objects/s",
      of(({ received }) => received.units / received.wallSeconds),
    ),
    more(
      "objects-sender-packets",
      "per cpu-s",
      of(({ sent }) => sent.packets / sent.cpuSeconds),
      peerOf(raw, ({ sent }) => sent.packets / sent.cpuSeconds),
    ),
    ...sides.flatMap(({ name, value }) => {
      const unit = "objects/cpu-s";
      const best = bestAddon(peers, value);
      if (best === undefined) return [alone(name, unit, of(value))];
      const others = peers.filter((peer) => peer !== best);
      return [
        more(name, unit, of(value), peerOf(best, value), budget),
        ...others.map((peer) => more(name, unit, of(value), peerOf(peer, value))),
      ];
    }),
  ];
}

function bestAddon(peers: readonly Contender[], value: (round: Round) => number): Contender | undefined {
  const middle = ({ rounds }: Contender) => median(rounds.map(value));
  return peers.filter(({ addon }) => addon).sort((a, b) => middle(b) - middle(a))[0];
}
