import fc from "fast-check";
import { expect, test } from "vitest";
import { compareKeys, type Ready, ReadyQueue } from "../../src/qmux/ready-queue.ts";
import type { SortKey } from "../../src/streams.ts";

interface Item extends Ready {
  readonly name: number;
}

test("the queue agrees with a sorted list, whatever is put in, moved and removed", () => {
  const key = fc.tuple(fc.nat(2), fc.nat(1), fc.constant(0), fc.nat(1));
  const step = fc.tuple(fc.constantFrom("put", "remove", "move"), fc.nat(15), key);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ReadyQueue<Item>();
      const items: Item[] = Array.from({ length: 16 }, (_, name) => ({
        name,
        key: [0, 0, 0, 0],
        heapIndex: -1,
        turn: 0,
      }));
      const inside: Item[] = [];
      for (const [what, name, newKey] of steps) {
        const item = items[name] as Item;
        const at = inside.indexOf(item);
        if (what === "remove") {
          queue.remove(item);
          if (at >= 0) inside.splice(at, 1);
        } else {
          item.key = newKey as SortKey;
          if (what === "put") {
            queue.put(item);
            if (at >= 0) inside.splice(at, 1);
            inside.push(item);
          } else queue.moved(item);
        }
        const first = [...inside].sort((a, b) => compareKeys(a.key, b.key) || a.turn - b.turn)[0];
        expect(queue.first?.name).toBe(first?.name);
        expect(queue.size).toBe(inside.length);
      }
    }),
  );
});
