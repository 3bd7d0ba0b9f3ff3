/**
 * One direction of a link: the model of wasm/crates/sim, where the faults are explained and tested. Natively and here one
 * seed means the same faults.
 */
import { readFileSync } from "node:fs";
import { type LinkSettings, linkNumbers } from "./link-settings.ts";

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  numbers(): number;
  create(seed: number): number;
  change(link: number): void;
  drop_index(link: number, index: number): void;
  port(link: number, now: number): number;
  offer(link: number, now: number, length: number, ecn: number): number;
  counters(link: number): number;
}

/** The part of the WebAssembly JavaScript API that is used here. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
}
const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

const numbersPerFate = 3;
const numberCount = 32;
let compiled: object | undefined;

/** In the order of `Counters` in wasm/crates/sim. */
const counterNames = [
  "offered",
  "forwarded",
  "lost",
  "burstLost",
  "listed",
  "blackedOut",
  "tooLarge",
  "queueDropped",
  "suspended",
  "jittered",
  "reordered",
  "corrupted",
  "marked",
  "duplicated",
  "rebound",
] as const;

/** Packets by what became of them: a test of a fault asserts that it happened. */
export type LinkCounters = Readonly<Record<(typeof counterNames)[number], number>>;

/** All links of one simulation, in one instance of the model. */
export class LinkModel {
  readonly #model: Exports;
  readonly #numbersAt: number;
  #numbers: Float64Array | undefined;
  readonly #startMicros: number;

  constructor(startMicros: number) {
    compiled ??= new Module(readFileSync(new URL("../../wasm/link.wasm", import.meta.url)));
    this.#model = new Instance(compiled, {}).exports as Exports;
    this.#numbersAt = this.#model.numbers() >>> 0;
    this.#startMicros = startMicros;
  }

  /** A direction of a link. */
  create(seed: number, settings: LinkSettings): Link {
    this.#write(settings);
    return new Link(this, this.#model.create(seed), settings);
  }

  /** @internal */
  change(link: number, settings: LinkSettings): void {
    this.#write(settings);
    this.#model.change(link);
  }

  /** @internal */
  drop(link: number, index: number): void {
    this.#model.drop_index(link, index);
  }

  /** @internal */
  port(link: number, now: number): number {
    return this.#model.port(link, now);
  }

  /** @internal */
  offer(link: number, now: number, length: number, ecn: number): number {
    return this.#model.offer(link, now, length, ecn);
  }

  /** A number of an arrival: 0 when, 1 its ECN code point, 2 the flipped bit or -1. @internal */
  fate(index: number, number: 0 | 1 | 2): number {
    return this.#view[index * numbersPerFate + number] as number;
  }

  /** @internal */
  counters(link: number): LinkCounters {
    this.#model.counters(link);
    const view = this.#view;
    return Object.fromEntries(counterNames.map((name, i) => [name, view[i]])) as LinkCounters;
  }

  #write(settings: LinkSettings): void {
    this.#view.set(linkNumbers(settings, this.#startMicros));
  }

  get #view(): Float64Array {
    const { buffer } = this.#model.memory;
    // The model's memory may grow, and then its old buffer is empty.
    if (this.#numbers?.buffer !== buffer) this.#numbers = new Float64Array(buffer, this.#numbersAt, numberCount);
    return this.#numbers;
  }
}

/** One direction. */
export class Link {
  readonly #model: LinkModel;
  readonly #index: number;
  #settings: LinkSettings;

  /** @internal */
  constructor(model: LinkModel, index: number, settings: LinkSettings) {
    this.#model = model;
    this.#index = index;
    this.#settings = settings;
    for (const dropped of settings.dropIndices ?? []) model.drop(index, dropped);
  }

  get counters(): LinkCounters {
    return this.#model.counters(this.#index);
  }

  /** Changes some of what the link is like, from the next packet on. */
  change(settings: LinkSettings): void {
    this.#settings = { ...this.#settings, ...settings };
    this.#model.change(this.#index, this.#settings);
  }

  /** How often the sender's port has changed by `now`. */
  port(now: number): number {
    return this.#model.port(this.#index, now);
  }

  /** Decides about a packet of so many bytes: calls `arrives` for each arrival. `bit` is the flipped one, or -1. */
  offer(now: number, length: number, ecn: number, arrives: (at: number, ecn: number, bit: number) => void): void {
    const model = this.#model;
    const count = model.offer(this.#index, now, length, ecn);
    for (let i = 0; i < count; i++) arrives(model.fate(i, 0), model.fate(i, 1), model.fate(i, 2));
  }
}
