import { ClosedBy } from "@moqingbird/engine";
import { beforeAll, expect, test } from "vitest";
import { type Certificates, createCertificates } from "./connected.ts";
import { Dialler, keysOf, type Serving, serve } from "./dialler.ts";
import type { TestHost } from "./host.ts";
import { Network } from "./network.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

const listen = (host: TestHost, options: Partial<Serving> = {}) => serve(host, { leaf: certificates.leaf, ...options });

/** Counts the Retry packets of the server (long header, type 3). */
function countRetries(network: Network): () => number {
  let retries = 0;
  network.filter = ({ bytes, from }) => {
    if (from === network.server && bytes[0]! >> 4 === 0xf) retries++;
    return true;
  };
  return () => retries;
}

test("a successor with the keys of a crashed engine resets its connections at their next packet", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } });
  const { network } = dialler;
  listen(network.server);
  const { near } = dialler.connect();
  network.server.engine.memory.fill(0xff);
  expect(() => network.server.engine.timers(network.now)).toThrow(expect.objectContaining({ code: "crashed" }));
  listen(network.succeed({ keys }));
  network.client.open(near, 1, seededBytes(1000));
  const start = network.now;
  network.run(() => network.client.seen("CLOSED").length === 1);
  expect(network.client.seen("CLOSED")).toMatchObject([{ connection: near, flags: ClosedBy.RESET }]);
  expect((network.now - start) / 1000).toBe(10); // there and back
  dialler.connect();
});

test("a successor with other keys says nothing to the connections of its predecessor, and serves new ones", () => {
  const dialler = new Dialler({ server: { keys: keysOf(1) } });
  const { network } = dialler;
  listen(network.server);
  const { near } = dialler.connect();
  const successor = network.succeed({ keys: keysOf(9) });
  listen(successor);
  successor.keepPackets = true;
  network.client.open(near, 1, seededBytes(1000));
  network.pass(5000);
  expect(successor.sent).toEqual([]);
  dialler.connect();
});

test("the first connection shows a certificate, the next is resumed, at both ends", () => {
  const dialler = new Dialler();
  listen(dialler.network.server);
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
  expect(dialler.resumed(dialler.connect())).toEqual([true, true]);
  expect(dialler.resumed(dialler.connect("example.test"))).toEqual([false, false]); // another server's name
});

test("a resumed connection carries bytes, and its own tickets resume the one after it", () => {
  const dialler = new Dialler();
  const { network } = dialler;
  listen(network.server);
  for (let round = 0; round < 5; round++) {
    const { near, far } = dialler.connect();
    expect(dialler.resumed({ near, far })).toEqual([round > 0, round > 0]);
    const bytes = seededBytes(50_000, round);
    const stream = network.client.open(near, 1, bytes);
    network.run(() => network.client.seen("ACKED").some((event) => event.stream === stream));
    network.client.engine.closeConnection(near, 0, 0, new Uint8Array(0), network.now);
    network.pass(1000);
  }
});

test("a successor with the same keys resumes the sessions of its predecessor, one with others does not", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } });
  listen(dialler.network.server);
  dialler.connect();
  listen(dialler.network.succeed({ keys }));
  expect(dialler.resumed(dialler.connect())).toEqual([true, true]);
  listen(dialler.network.succeed({ keys: keysOf(9) }));
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
});

test("a session is not resumed where another certificate or other protocols are shown", async () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } }, { alpn: ["test", "other"] });
  listen(dialler.network.server);
  dialler.connect();
  listen(dialler.network.succeed({ keys }), { leaf: await certificates.authority.issue(["localhost"]) });
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
  listen(dialler.network.succeed({ keys }), { alpn: ["other"] });
  expect(dialler.resumed(dialler.connect())).toEqual([false, false]);
});

test("a token of an earlier connection spares its client the proof of its address (NEW_TOKEN)", () => {
  const dialler = new Dialler();
  listen(dialler.network.server, { retry: true });
  const retries = countRetries(dialler.network);
  dialler.connect();
  expect(retries()).toBe(1);
  dialler.connect();
  expect(retries()).toBe(1);
});

test("tokens are good at a successor with the same keys, and not from another address", () => {
  const keys = keysOf(1);
  const dialler = new Dialler({ server: { keys } });
  const { network } = dialler;
  listen(network.server);
  dialler.connect();
  dialler.connect();
  listen(network.succeed({ keys }), { retry: true });
  const retries = countRetries(network);
  dialler.connect();
  expect(retries()).toBe(0);
  network.client.address = Uint8Array.of(10, 0, 9, 9);
  dialler.connect();
  expect(retries()).toBe(1);
});

test("keys of another length are refused with a sentence", () => {
  const keys = { ...keysOf(1), token: new Uint8Array(16) };
  expect(() => new Network({ server: { keys } })).toThrow("the key token has 16 bytes; it must have 32.");
});
