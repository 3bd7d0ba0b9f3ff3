import { createHash } from "node:crypto";
import { beforeAll, expect, test, vi } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
  vi.useFakeTimers({ now: Date.now(), toFake: ["Date"] });
});

/** Hash over every packet of a run with loss, and of every event at the server. */
function run(seed: number): { packets: string; count: number } {
  const hash = createHash("sha256");
  const { network, near } = connected(certificates, {
    seed,
    filter: ({ bytes, index }) => {
      hash.update(bytes);
      return index % 17 !== 3;
    },
  });
  for (let i = 0; i < 30; i++) network.client.open(near, i % 2 === 0 ? 0 : 1, seededBytes(i * 700, i));
  network.run(() => [...network.server.received.values()].filter((received) => received.finished).length === 30);
  return { packets: hash.digest("hex"), count: network.packets };
}

test("equal seeds give equal packets, another seed gives others", () => {
  const first = run(11);
  expect(run(11)).toEqual(first);
  expect(run(12).packets).not.toBe(first.packets);
  expect(first.count).toBeGreaterThan(100);
});
