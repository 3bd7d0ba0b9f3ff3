/** Datagrams of 1100 bytes as fast as they go. What counts is what arrives, per CPU-second of each side. */
import { alone, type Figure, more } from "./figure.ts";
import type { Settings } from "./settings.ts";
import { peerOf, type Round, transfers } from "./transfer.ts";

/** A datagram with its headers and tag. */
const packetBytes = 1140;

const perSenderCpu = ({ sent, received }: Round) => received.units / sent.cpuSeconds;
const perReceiverCpu = ({ received }: Round) => received.units / received.cpuSeconds;

export async function datagrams(settings: Settings): Promise<Figure[]> {
  const [ours, raw, ...peers] = await transfers("datagrams", packetBytes, settings);
  if (ours === undefined || raw === undefined) throw new Error("nothing was measured");
  const of = (value: (round: Round) => number) => ours.rounds.map(value);
  const unit = "datagrams/cpu-s";
  const packets = ({ sent }: Round) => sent.packets / sent.cpuSeconds;
  return [
    alone(
      "datagrams-rate",
      "datagrams/s",
      of(({ received }) => received.units / received.wallSeconds),
    ),
    alone(
      "datagrams-arrived",
      "of those sent",
      of(({ sent, received }) => received.units / sent.units),
    ),
    more("datagrams-sender-packets", "per cpu-s", of(packets), peerOf(raw, packets)),
    ...(peers.length === 0
      ? [alone("datagrams-sender", unit, of(perSenderCpu)), alone("datagrams-receiver", unit, of(perReceiverCpu))]
      : []),
    ...peers.flatMap((peer) => [
      more("datagrams-sender", unit, of(perSenderCpu), peerOf(peer, perSenderCpu)),
      more("datagrams-receiver", unit, of(perReceiverCpu), peerOf(peer, perReceiverCpu)),
    ]),
  ];
}
