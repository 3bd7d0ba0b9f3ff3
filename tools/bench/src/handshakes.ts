/** Full handshakes per CPU-second of the accepting side, P-256 certificate, no resumption; against quiche's and Node's own TLS. */
import { atLeast, type Figure, more } from "./figure.ts";
import { leftOut, quicheFolder } from "./peers.ts";
import { createLeaf, type Leaf } from "./relays.ts";
import type { Settings } from "./settings.ts";
import { type Reading, Side } from "./side.ts";
import type { HandshakeKind } from "./sides/handshake-server.ts";
import type { Totals } from "./sides/obey.ts";

const budgetPerCpuSecond = 500;

interface Contender {
  readonly kind: HandshakeKind;
  readonly name: string;
  readonly folder: string;
  readonly rates: number[];
}

export async function handshakes(settings: Settings): Promise<Figure[]> {
  const leaf = await createLeaf();
  const ours: Contender = { kind: "ours", name: "ours", folder: "", rates: [] };
  const tls: Contender = { kind: "tls", name: "node:tls over TCP", folder: "", rates: [] };
  const all = [ours, tls];
  if (settings.peers) {
    try {
      const quiche: Contender = {
        kind: "quiche",
        name: "@currentspace/http3",
        folder: await quicheFolder(),
        rates: [],
      };
      await measure(quiche, leaf, settings);
      all.push(quiche);
    } catch (error) {
      leftOut("@currentspace/http3", error);
    }
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (const each of all) each.rates.push(await measure(each, leaf, settings));
  }
  if (settings.profile !== undefined) await measure(ours, leaf, settings, settings.profile);
  return all.slice(1).map(({ name, rates }, index) => {
    const figure = more("handshakes-accepted", "per cpu-s", ours.rates, { name, values: rates });
    return index === 0 ? atLeast(figure, budgetPerCpuSecond) : figure;
  });
}

async function measure(
  { kind, folder, name }: Contender,
  leaf: Leaf,
  settings: Settings,
  profile?: string,
): Promise<number> {
  const { root, chain, key } = leaf;
  const server = new Side({ file: "sides/handshake-server.ts", parameters: { kind, chain, key, folder } });
  let client: Side | undefined;
  try {
    const { port } = await server.next<{ port: number }>();
    client = new Side({ file: "sides/handshake-client.ts", parameters: { kind, port, root, folder } });
    await client.next();
    await new Promise((resolve) => setTimeout(resolve, settings.warmUpMs * 3));
    await server.ask(`begin ${profile === undefined ? "" : `${profile}/server.cpuprofile`}`);
    await new Promise((resolve) => setTimeout(resolve, settings.seconds * 1000));
    const { units, cpuSeconds } = await server.ask<Reading>("end");
    const { failures } = await client.ask<Totals>("stop");
    if (Number(failures) > 0) throw new Error(`${failures} handshakes of ${name} failed`);
    return units / cpuSeconds;
  } finally {
    await Promise.all([client?.end(), server.end()]);
  }
}
