/**
 * One publisher, one relay, 10, 100 and 1000 subscribers, all subscribers in one other process: what the relay computes for each
 * object it delivers, and how that grows. The publisher's pace is the same throughout.
 */
import { alone, atMost, type Figure, less } from "./figure.ts";
import { leftOut } from "./peers.ts";
import { createLeaf, type Leaf, otherRelays, ourRelay, type Relay, type RelayKind } from "./relays.ts";
import type { Settings } from "./settings.ts";
import { type Reading, Side } from "./side.ts";

/** What is asked of the relay. */
export interface Shape {
  /** Numbers of subscribers, ascending. */
  readonly audiences: readonly number[];
  readonly objectsPerSecond: number;
}

/** 4000 deliveries a second at the most: what one busy core of subscribers takes without falling behind. */
const usual: Shape = { audiences: [10, 100, 1000], objectsPerSecond: 4 };
const warmUpPerSecond = 500;
/** CPU per object at the fewest subscribers against that at the most: 1 is flat; noise is allowed for. */
const growthBudget = 0.9;
const settleMs = 1500;

interface Sample {
  readonly microsPerObject: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the objects published times subscribers. */
  readonly delivered: number;
}

/** Samples of each round, by number of subscribers. */
type Samples = Map<number, Sample[]>;

export async function fanOut(settings: Settings, shape = usual): Promise<Figure[]> {
  const { audiences } = shape;
  const leaf = await createLeaf();
  const kinds = [ourRelay, ...(settings.peers ? otherRelays() : [])];
  const measured = new Map<RelayKind, Samples>();
  for (let round = 0; round < settings.rounds; round++) {
    for (const kind of kinds) {
      const samples: Samples = measured.get(kind) ?? new Map();
      try {
        await measure(kind, leaf, shape, settings, samples);
        measured.set(kind, samples);
      } catch (error) {
        if (kind === ourRelay) throw error;
        leftOut(kind.name, error);
      }
    }
  }
  if (settings.profile !== undefined) await measure(ourRelay, leaf, shape, settings, new Map(), settings.profile);

  const ours = measured.get(ourRelay)!;
  const micros = (samples: Samples, audience: number) => samples.get(audience)!.map((sample) => sample.microsPerObject);
  const unit = "us/object";
  const figures: Figure[] = [];
  for (const audience of audiences) {
    const name = `fan-out-${audience}`;
    const own = micros(ours, audience);
    const others = [...measured].filter(
      ([kind, samples]) => kind !== ourRelay && samples.get(audience)?.length === own.length,
    );
    if (others.length === 0) figures.push(alone(name, unit, own));
    for (const [kind, samples] of others) {
      figures.push(less(name, unit, own, { name: kind.name, values: micros(samples, audience) }));
    }
    const bound = 1.5 * audience * (figures.at(-1)!.value / 1000) + 2;
    const sample = ours.get(audience)!;
    figures.push(
      alone(
        `${name}-latency-p50`,
        "ms",
        sample.map(({ p50 }) => p50),
      ),
      atMost(
        alone(
          `${name}-latency-p99`,
          "ms",
          sample.map(({ p99 }) => p99),
        ),
        bound,
      ),
      alone(
        `${name}-delivered`,
        "of those published",
        sample.map(({ delivered }) => delivered),
      ),
    );
  }
  const most = audiences.at(-1)!;
  for (const fewer of audiences.slice(0, -1)) {
    const base = { name: `the same with ${fewer} subscribers`, values: micros(ours, fewer) };
    figures.push(less(`fan-out-growth-${fewer}-to-${most}`, unit, micros(ours, most), base, growthBudget));
  }
  return figures;
}

async function measure(
  kind: RelayKind,
  leaf: Leaf,
  { audiences, objectsPerSecond }: Shape,
  settings: Settings,
  samples: Samples,
  profile?: string,
): Promise<void> {
  const relay = await kind.start(leaf);
  const sides: Side[] = [];
  try {
    const common = { port: relay.port, root: leaf.root };
    const publisher = new Side({ file: "sides/publisher.ts", parameters: common });
    sides.push(publisher);
    await publisher.next();
    const subscribers = new Side({ file: "sides/subscribers.ts", parameters: { ...common, subscribe: true } });
    sides.push(subscribers);
    await subscribers.next();
    await subscribers.ask(`open ${audiences[0]}`);
    await publisher.ask(`pace ${warmUpPerSecond}`); // compiles the relay's code before it is measured
    await pause(settings.warmUpMs * 3);
    await publisher.ask(`pace ${objectsPerSecond}`);
    for (const audience of audiences) {
      const { sessions } = await subscribers.ask<{ sessions: number }>(`open ${audience}`);
      if (sessions < audience) throw new Error(`${sessions} of ${audience} subscribers are left at ${kind.name}`);
      await pause(Math.min(settleMs, settings.warmUpMs * 2));
      const file = profile === undefined ? undefined : `${profile}/relay-${audience}.cpuprofile`;
      const sample = await load(relay, publisher, subscribers, audience, settings.seconds, file);
      samples.set(audience, [...(samples.get(audience) ?? []), sample]);
    }
  } finally {
    await Promise.all([...sides.map((side) => side.end()), relay.end()]);
  }
}

async function load(
  relay: Relay,
  publisher: Side,
  subscribers: Side,
  audience: number,
  seconds: number,
  profile: string | undefined,
): Promise<Sample> {
  await subscribers.ask("latency"); // forgets those of opening
  await Promise.all([relay.begin(profile), subscribers.ask("begin "), publisher.ask("begin ")]);
  await pause(seconds * 1000);
  const [cpuSeconds, received, published] = await Promise.all([
    relay.cpuSeconds(),
    subscribers.ask<Reading>("end"),
    publisher.ask<Reading>("end"),
  ]);
  const { p50, p99 } = await subscribers.ask<{ p50: number; p99: number }>("latency");
  return {
    microsPerObject: (cpuSeconds * 1e6) / received.units,
    p50,
    p99,
    delivered: received.units / (published.units * audience),
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
