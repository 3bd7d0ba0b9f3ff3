/** Resident memory of a relay per idle session: the slope from 100 to 1000 sessions, after a garbage collection. */
import { alone, atMost, type Figure, less } from "./figure.ts";
import { leftOut } from "./peers.ts";
import { createLeaf, type Leaf, type Memory, otherRelays, ourRelay, type RelayKind } from "./relays.ts";
import type { Settings } from "./settings.ts";
import { Side } from "./side.ts";

const budgetKilobytes = 40;
/** Sessions calm down: what setting them up needed is given back. */
const settleMs = 2000;

export async function idleMemory(settings: Settings, few = 100, many = 1000): Promise<Figure[]> {
  const leaf = await createLeaf();
  const [theirs] = settings.peers ? otherRelays() : [];
  const ours: Memory[] = [];
  const others: Memory[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    ours.push(await slope(ourRelay, leaf, few, many, settings));
    if (theirs === undefined) continue;
    await slope(theirs, leaf, few, many, settings).then(
      (memory) => others.push(memory),
      (error: unknown) => leftOut(theirs.name, error),
    );
  }
  const unit = "KB/session";
  const resident = (memories: readonly Memory[]) => memories.map(({ rss }) => rss);
  const figure =
    theirs === undefined || others.length < ours.length
      ? alone("idle-memory", unit, resident(ours))
      : less("idle-memory", unit, resident(ours), { name: theirs.name, values: resident(others) });
  return [
    atMost(figure, budgetKilobytes),
    alone(
      "idle-memory-javascript",
      unit,
      ours.map(({ heap }) => heap),
    ),
  ];
}

/** Kilobytes per session. */
async function slope(kind: RelayKind, leaf: Leaf, few: number, many: number, settings: Settings): Promise<Memory> {
  const relay = await kind.start(leaf);
  const clients = new Side({
    file: "sides/subscribers.ts",
    parameters: { port: relay.port, root: leaf.root, subscribe: false },
  });
  try {
    await clients.next();
    const at = async (count: number): Promise<Memory> => {
      const { sessions } = await clients.ask<{ sessions: number }>(`open ${count}`);
      if (sessions < count) throw new Error(`${sessions} of ${count} sessions are left at ${kind.name}`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(settleMs, settings.warmUpMs * 4)));
      return relay.memory();
    };
    const before = await at(few);
    const after = await at(many);
    const each = (total: number) => total / (many - few) / 1000;
    return { rss: each(after.rss - before.rss), heap: each(after.heap - before.heap) };
  } finally {
    await Promise.all([clients.end(), relay.end()]);
  }
}
