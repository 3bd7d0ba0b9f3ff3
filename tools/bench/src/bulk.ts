/** One stream as fast as it goes, against nothing but `node:dgram` sending, and against other people's QUIC. */
import { alone, type Figure, more } from "./figure.ts";
import type { Settings } from "./settings.ts";
import { peerOf, type Round, transfers } from "./transfer.ts";

/** Of the packets per second that `node:dgram` sends alone. */
const budget = 0.45;
/** What path MTU discovery ends at, before UDP's header. */
const datagramBytes = 1452;

const packetRate = ({ sent }: Round) => sent.packets / sent.wallSeconds;
const packetEfficiency = ({ sent }: Round) => sent.packets / sent.cpuSeconds;
const megabitsPerCpu = (bytes: number, cpuSeconds: number) => (bytes * 8) / 1e6 / cpuSeconds;
const senderMegabits = ({ sent, received }: Round) => megabitsPerCpu(received.bytes, sent.cpuSeconds);
const receiverMegabits = ({ received }: Round) => megabitsPerCpu(received.bytes, received.cpuSeconds);

export async function bulk(settings: Settings): Promise<Figure[]> {
  const [ours, raw, ...peers] = await transfers("bulk", datagramBytes, settings);
  if (ours === undefined || raw === undefined) throw new Error("nothing was measured");
  for (const { totals } of ours.rounds) {
    if (totals.received.bytes !== totals.sent.bytes) {
      throw new Error(`the receiver has ${totals.received.bytes} of ${totals.sent.bytes} bytes`);
    }
  }
  const of = (value: (round: Round) => number) => ours.rounds.map(value);
  return [
    more("bulk-packets", "packets/s", of(packetRate), peerOf(raw, packetRate), budget),
    more("bulk-packets-per-cpu-second", "packets/cpu-s", of(packetEfficiency), peerOf(raw, packetEfficiency)),
    alone(
      "bulk-goodput",
      "Mbit/s",
      of(({ received }) => (received.bytes * 8) / 1e6 / received.wallSeconds),
    ),
    alone(
      "bulk-receiver-packets-per-cpu-second",
      "packets/cpu-s",
      of(({ received }) => received.packets / received.cpuSeconds),
    ),
    alone(
      "bulk-sender-cpu",
      "cores",
      of(({ sent }) => sent.cpuSeconds / sent.wallSeconds),
    ),
    alone(
      "bulk-receiver-cpu",
      "cores",
      of(({ received }) => received.cpuSeconds / received.wallSeconds),
    ),
    alone(
      "bulk-lost-packets",
      "packets",
      of(({ totals }) => Number(totals.sent.lostPackets)),
    ),
    alone(
      "bulk-datagram-size",
      "B",
      of(({ totals }) => Number(totals.sent.mtu)),
    ),
    ...peers.flatMap((peer) => [
      more("bulk-sender-goodput-per-cpu-second", "Mbit/cpu-s", of(senderMegabits), peerOf(peer, senderMegabits)),
      more("bulk-receiver-goodput-per-cpu-second", "Mbit/cpu-s", of(receiverMegabits), peerOf(peer, receiverMegabits)),
    ]),
  ];
}
