/**
 * Hosts, their UDP sockets, and the links between them. A packet that is sent finds the one link between two hosts, is given
 * to its model, and arrives, or not, as that decided; a host that is slow takes its packets one after another.
 */
import { createHash, type Hash } from "node:crypto";
import { type Link, type LinkCounters, LinkModel } from "./link.ts";
import type { LinkSettings } from "./link-settings.ts";
import { derivedSeed } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** What a socket is told: a packet, valid during the call only, where it came from, and its ECN code point. */
export type PacketHandler = (packet: Uint8Array, address: string, port: number, ecn: number) => void;

/** How fast a host takes packets. */
export interface HostSettings {
  /** Time of the processor for each packet received, in µs. Default 0. */
  readonly cpuMicrosPerPacket?: number;
  /** Packets that may wait for it; the newest is dropped beyond. Default 2000, about 4 MiB of kernel buffer. */
  readonly bufferPackets?: number;
}

/** First port a system chooses, and first port of a NAT. */
const firstEphemeralPort = 32_768;
const firstNatPort = 50_000;
const sameHostMicros = 10;

/** All hosts and links of a simulation. */
export class Network {
  readonly timeline: Timeline;
  readonly seed: number;
  /** Arrivals without a socket, or between hosts without a link. */
  strayPackets = 0;
  readonly #model: LinkModel;
  readonly #hosts = new Map<string, Host>();
  readonly #paths = new Map<string, Path>();
  readonly #trace: Hash | undefined;
  #links = 0;

  /** With `trace`, every arrival goes into a hash, bytes and all. */
  constructor(timeline: Timeline, seed: number, { trace = false } = {}) {
    this.timeline = timeline;
    this.seed = seed;
    this.#model = new LinkModel(timeline.now);
    if (trace) this.#trace = createHash("sha256");
  }

  /** A machine with an address of its own. */
  host(settings: HostSettings = {}): Host {
    const index = this.#hosts.size + 1;
    const host = new Host(this, `10.0.${index >> 8}.${index & 0xff}`, settings);
    this.#hosts.set(host.address, host);
    return host;
  }

  /** Joins two hosts, both ways alike unless `back` differs. */
  link(from: Host, to: Host, settings: LinkSettings = {}, back: LinkSettings = settings): LinkPair {
    const one = (each: LinkSettings) => this.#model.create(derivedSeed(this.seed, this.#links++), each);
    // A NAT stands before one of the two: what comes back only follows it.
    const { rebinding: _, ...backOnly } = back;
    const forth = one(settings);
    const reverse = one(back === settings ? backOnly : back);
    const there = new Path(forth);
    const here = new Path(reverse);
    there.opposite = here;
    here.opposite = there;
    this.#paths.set(`${from.address}>${to.address}`, there);
    this.#paths.set(`${to.address}>${from.address}`, here);
    return { forth, back: reverse };
  }

  /** What the trace has come to: equal for two runs whose packets were equal to the bit and the microsecond. */
  get traceHash(): string {
    if (this.#trace === undefined) throw new Error("The network was made without a trace.");
    return this.#trace.copy().digest("hex");
  }

  /** @internal */
  carry(from: Host, fromPort: number, address: string, port: number, packet: Uint8Array, ecn: number): void {
    const { timeline } = this;
    const to = this.#hosts.get(address);
    if (to === undefined) {
      this.strayPackets++;
      return;
    }
    if (to === from) {
      const copy = packet.slice();
      timeline.planQuiet(timeline.now + sameHostMicros, () => to.arrive(copy, port, from.address, fromPort, ecn));
      return;
    }
    const path = this.#paths.get(`${from.address}>${address}`);
    if (path === undefined) {
      this.strayPackets++;
      return;
    }
    const publicPort = path.publicPort(fromPort, timeline.now);
    const realPort = path.opposite.realPort(port);
    path.link.offer(timeline.now, packet.length, ecn, (at, mark, bit) => {
      const copy = packet.slice();
      if (bit >= 0) copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      timeline.planQuiet(at, () => {
        this.#note(copy, from.address, address);
        to.arrive(copy, realPort, from.address, publicPort, mark);
      });
    });
  }

  #note(packet: Uint8Array, from: string, to: string): void {
    this.#trace?.update(`${this.timeline.now} ${from} ${to} ${packet.length}\n`).update(packet);
  }
}

/** Both directions of a link. */
export interface LinkPair {
  readonly forth: Link;
  readonly back: Link;
}

/** Sums of the counters of links. */
export function totalCounters(links: readonly LinkPair[]): LinkCounters {
  const all = links.flatMap(({ forth, back }) => [forth.counters, back.counters]);
  const sums = { ...(all[0] as LinkCounters) } as Record<keyof LinkCounters, number>;
  for (const each of all.slice(1)) {
    for (const name of Object.keys(sums) as (keyof LinkCounters)[]) sums[name] += each[name];
  }
  return sums;
}

/** One direction, with the NAT before it. */
class Path {
  readonly link: Link;
  opposite!: Path;
  /** Ports of the NAT: by "real port, rebinding", and back. */
  readonly #public = new Map<string, number>();
  readonly #real = new Map<number, number>();

  constructor(link: Link) {
    this.link = link;
  }

  publicPort(real: number, now: number): number {
    const turn = this.link.port(now);
    if (turn === 0) return real;
    const key = `${real} ${turn}`;
    let port = this.#public.get(key);
    if (port === undefined) {
      port = firstNatPort + this.#public.size;
      this.#public.set(key, port);
      this.#real.set(port, real);
    }
    return port;
  }

  realPort(port: number): number {
    return this.#real.get(port) ?? port;
  }
}

/** A machine: an address, sockets, and one processor. */
export class Host {
  readonly network: Network;
  readonly address: string;
  /** Packets dropped because the processor was too far behind. */
  overrunPackets = 0;
  readonly #settings: Required<HostSettings>;
  readonly #sockets = new Map<number, PacketHandler>();
  #nextPort = firstEphemeralPort;
  #processorFree = 0;

  /** @internal */
  constructor(network: Network, address: string, { cpuMicrosPerPacket = 0, bufferPackets = 2000 }: HostSettings) {
    this.network = network;
    this.address = address;
    this.#settings = { cpuMicrosPerPacket, bufferPackets };
  }

  /** Opens a socket; port 0 lets the host choose. Undefined when the port is taken. */
  bind(port: number, received: PacketHandler): Socket | undefined {
    let bound = port;
    if (port === 0) {
      while (this.#sockets.has(this.#nextPort)) this.#nextPort++;
      bound = this.#nextPort++;
    }
    if (this.#sockets.has(bound)) return undefined;
    this.#sockets.set(bound, received);
    return {
      port: bound,
      send: (packet, address, to, ecn) => this.network.carry(this, bound, address, to, packet, ecn),
      close: () => this.#sockets.delete(bound),
    };
  }

  /** @internal */
  arrive(packet: Uint8Array, port: number, from: string, fromPort: number, ecn: number): void {
    const { cpuMicrosPerPacket, bufferPackets } = this.#settings;
    const { timeline } = this.network;
    if (cpuMicrosPerPacket === 0) {
      this.#deliver(packet, port, from, fromPort, ecn);
      return;
    }
    const start = Math.max(timeline.now, this.#processorFree);
    if ((start - timeline.now) / cpuMicrosPerPacket >= bufferPackets) {
      this.overrunPackets++;
      return;
    }
    this.#processorFree = start + cpuMicrosPerPacket;
    timeline.planQuiet(this.#processorFree, () => this.#deliver(packet, port, from, fromPort, ecn));
  }

  #deliver(packet: Uint8Array, port: number, from: string, fromPort: number, ecn: number): void {
    const received = this.#sockets.get(port);
    if (received === undefined) this.network.strayPackets++;
    else received(packet, from, fromPort, ecn);
  }
}

/** An open UDP socket. */
export interface Socket {
  readonly port: number;
  /** Sends a copy of the packet. */
  send(packet: Uint8Array, address: string, port: number, ecn: number): void;
  close(): void;
}
