/**
 * Transfers over loopback, sender and receiver in a process each: ours, node:dgram alone as the ceiling, and other people's.
 * They take turns, round after round, so that what else the machine does meets all of them alike.
 */
import { createAuthority } from "@moqingbird/testing";
import { certificateFingerprint } from "@moqingbird/transport";
import type { Peer } from "./figure.ts";
import { leftOut, type PeerTransport, peerTransports } from "./peers.ts";
import type { Settings } from "./settings.ts";
import { type Launch, type Reading, Side } from "./side.ts";
import type { Load } from "./sides/load.ts";
import type { Totals } from "./sides/obey.ts";

/** One round of one contender. */
export interface Round {
  readonly sent: Reading;
  readonly received: Reading;
  /** At the end, when everything sent had arrived or was given up. */
  readonly totals: { readonly sent: Totals; readonly received: Totals };
}

/** A contender's rounds, the same number for all. */
export interface Contender {
  readonly name: string;
  readonly addon: boolean;
  readonly rounds: Round[];
  run(profile?: string): Promise<Round>;
}

export const rawName = "raw dgram, send only";

/** Whose turn it is: what is always there, and peers that are left out, with a word, when they do not load. */
export interface Entrants {
  readonly own: readonly Entrant[];
  readonly peers: readonly PeerTransport[];
}

/** A contender that needs nothing fetched. */
export interface Entrant {
  readonly name: string;
  launch(parameters: object): Launch;
}

/** Which half of a transfer the parameters are for. */
export const sideOf = (parameters: object): "receiver" | "sender" => ("chain" in parameters ? "receiver" : "sender");

/** Ours over QUIC as it is. */
export const ours: Entrant = {
  name: "ours",
  launch: (parameters) => ({ file: `sides/ours-${sideOf(parameters)}.ts`, parameters }),
};

/** Runs ours, the ceiling with datagrams of `rawBytes`, and every peer that knows the load; ours and the ceiling come first. */
export function transfers(load: Load, rawBytes: number, settings: Settings): Promise<Contender[]> {
  const raw: Entrant = {
    name: rawName,
    launch: (parameters) => ({ file: `sides/raw-${sideOf(parameters)}.ts`, parameters: { ...parameters, rawBytes } }),
  };
  return race(load, { own: [ours, raw], peers: peerTransports }, settings);
}

/** Runs all that know the load, in turns; a profile is taken of the first. Resolves to them in the order given. */
export async function race(load: Load, { own, peers }: Entrants, settings: Settings): Promise<Contender[]> {
  const leaf = await authority();
  const all = own.map(({ name, launch }) => contender(name, settings, launch, load, leaf));
  for (const peer of settings.peers ? peers : []) {
    if (!peer.loads.includes(load)) continue;
    try {
      const launch = await peer.prepare();
      const theirs = { ...contender(peer.name, settings, launch, load, leaf), addon: peer.addon };
      await theirs.run(); // one that does not load says so here, once
      all.push(theirs);
    } catch (error) {
      leftOut(peer.name, error);
    }
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (const each of all) each.rounds.push(await each.run());
  }
  if (settings.profile !== undefined) await all[0]?.run(settings.profile);
  return all;
}

/** A contender's values of each round, under its name. */
export function peerOf({ name, rounds }: Contender, value: (round: Round) => number): Peer {
  return { name, values: rounds.map(value) };
}

async function authority() {
  const made = await createAuthority();
  const leaf = await made.issue(["localhost", "127.0.0.1"]);
  return { root: made.root, ...leaf, sha256: Buffer.from(certificateFingerprint(leaf.chain)).toString("hex") };
}

type Leaf = Awaited<ReturnType<typeof authority>>;

function contender(
  name: string,
  settings: Settings,
  launch: (parameters: object) => Launch,
  load: Load,
  { root, chain, key, sha256 }: Leaf,
): Contender {
  return {
    name,
    addon: false,
    rounds: [],
    async run(profile) {
      const receiver = new Side(launch({ load, chain, key }));
      let sender: Side | undefined;
      try {
        const { port } = await receiver.next<{ port: number }>();
        sender = new Side(launch({ load, port, root, sha256 }));
        await sender.next();
        await pause(settings.warmUpMs);
        const file = (name: string) => (profile === undefined ? "" : `${profile}/${name}.cpuprofile`);
        await Promise.all([receiver.ask(`begin ${file("receiver")}`), sender.ask(`begin ${file("sender")}`)]);
        await pause(settings.seconds * 1000);
        const [sent, received] = await Promise.all([sender.ask<Reading>("end"), receiver.ask<Reading>("end")]);
        const totals = { sent: await sender.ask<Totals>("stop"), received: await receiver.ask<Totals>("stop") };
        return { sent, received, totals };
      } finally {
        await Promise.all([sender?.end(), receiver.end()]);
      }
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
