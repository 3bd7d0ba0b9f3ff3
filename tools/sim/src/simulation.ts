/** One simulated world: a timeline, a network, and processes on its hosts. Everything in it follows from the seed. */
import { type Host, type HostSettings, type LinkPair, type LinkSettings, Network, Timeline } from "@moqingbird/testing";
import { Process, type ProcessSettings } from "./process.ts";

/** Options of {@link Simulation}. */
export interface SimulationOptions {
  /** Every arrival goes into a hash. Default false. */
  readonly trace?: boolean;
}

export class Simulation {
  readonly seed: number;
  readonly timeline = new Timeline();
  readonly network: Network;
  readonly links: LinkPair[] = [];
  readonly #processes: Process[] = [];

  constructor(seed: number, options: SimulationOptions = {}) {
    this.seed = seed;
    this.network = new Network(this.timeline, seed, options);
  }

  /** A host with one process on it. */
  process(settings: HostSettings & ProcessSettings = {}): Process {
    return this.processOn(this.network.host(settings), settings);
  }

  /** A further process on a host. */
  processOn(host: Host, settings: ProcessSettings = {}): Process {
    const process = new Process(this, host, this.#processes.length, settings);
    this.#processes.push(process);
    return process;
  }

  /** Joins the hosts of two processes, both ways alike unless `back` differs. */
  link(from: Process, to: Process, settings: LinkSettings = {}, back?: LinkSettings): LinkPair {
    const pair = this.network.link(from.host, to.host, settings, back);
    this.links.push(pair);
    return pair;
  }

  /** Milliseconds of virtual time since the start. */
  get elapsedMs(): number {
    return this.timeline.elapsedMs;
  }

  /** Lets virtual time pass until a promise settles, at most so long. */
  until<T>(done: Promise<T>, limitMs: number, what?: string): Promise<T> {
    return this.timeline.until(done, limitMs, what);
  }

  pass(ms: number): Promise<void> {
    return this.timeline.pass(ms);
  }
}
