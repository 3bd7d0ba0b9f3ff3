/** The loads of the other benchmarks over WebTransport: what HTTP/3 and WHATWG streams add to QUIC, and Deno's beside ours. */
import { type Figure, less, more, type Peer } from "./figure.ts";
import { peerWebTransports } from "./peers.ts";
import type { Settings } from "./settings.ts";
import type { Load } from "./sides/load.ts";
import { type Contender, type Entrant, ours, peerOf, type Round, race, sideOf } from "./transfer.ts";

const bytewise: Entrant = {
  name: "sources and sinks over WebTransport",
  launch: (parameters) => ({
    file: `sides/ours-${sideOf(parameters)}.ts`,
    parameters: { ...parameters, over: "web-transport" },
  }),
};
const streams: Entrant = {
  name: "W3C streams over WebTransport",
  launch: (parameters) => ({ file: "sides/web-transport-ours.ts", parameters }),
};
const quicName = "the same over raw QUIC";
const sourcesName = "sources and sinks, not W3C streams";

type Value = (round: Round) => number;

/** What a load is counted in, per CPU-second. */
const counted: Readonly<Record<Load, { readonly unit: string; readonly of: (received: Round["received"]) => number }>> =
  {
    bulk: { unit: "Mbit/cpu-s", of: ({ bytes }) => (bytes * 8) / 1e6 },
    objects: { unit: "objects/cpu-s", of: ({ units }) => units },
    datagrams: { unit: "datagrams/cpu-s", of: ({ units }) => units },
  };

export async function webTransport(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const load of ["bulk", "objects", "datagrams"] as const) figures.push(...(await figuresOf(load, settings)));
  return figures;
}

async function figuresOf(load: Load, settings: Settings): Promise<Figure[]> {
  // The first is the one a profile is taken of.
  const all = await race(load, { own: [bytewise, ours, streams], peers: peerWebTransports }, settings);
  const [overWebTransport, overQuic, w3c, ...peers] = all;
  if (overWebTransport === undefined || overQuic === undefined || w3c === undefined) {
    throw new Error("nothing was measured");
  }
  const { unit, of } = counted[load];
  const sides: readonly { readonly side: string; readonly value: Value; readonly perPacket: Value }[] = [
    {
      side: "sender",
      value: ({ sent, received }) => of(received) / sent.cpuSeconds,
      perPacket: ({ sent }) => (sent.cpuSeconds * 1e6) / sent.packets,
    },
    {
      side: "receiver",
      value: ({ received }) => of(received) / received.cpuSeconds,
      perPacket: ({ received }) => (received.cpuSeconds * 1e6) / received.packets,
    },
  ];
  return sides.flatMap(({ side, value, perPacket }) => {
    const name = `web-transport-${load}-${side}`;
    const packets = `${name}-packet`;
    return [
      less(packets, "cpu us/packet", values(overWebTransport, perPacket), named(quicName, overQuic, perPacket)),
      more(name, unit, values(overWebTransport, value), named(quicName, overQuic, value)),
      more(`${name}-w3c`, unit, values(w3c, value), named(sourcesName, overWebTransport, value)),
      ...peers.map((peer) => more(`${name}-w3c`, unit, values(w3c, value), peerOf(peer, value))),
    ];
  });
}

const values = ({ rounds }: Contender, value: Value): number[] => rounds.map(value);
const named = (name: string, contender: Contender, value: Value): Peer => ({ name, values: values(contender, value) });
