import { beforeAll, expect, test } from "vitest";
import { type Certificates, connected, createCertificates } from "./connected.ts";
import { seededBytes } from "./random.ts";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await createCertificates();
});

test("a bidirectional stream carries bytes there and back", () => {
  const { network, near } = connected(certificates);
  const { client, server } = network;
  server.onEvent = ({ kind, stream, flags, bytes }) => {
    if (kind === "DATA" && flags === 1) server.send(stream, Uint8Array.from(bytes).reverse());
  };
  const stream = client.open(near, 0, Uint8Array.of(1, 2, 3, 4));
  network.run(() => client.received.get(stream)?.finished === true);
  expect([...client.received.get(stream)!.bytes()]).toEqual([4, 3, 2, 1]);
  network.run(() => client.seen("RELEASED").length === 1 && server.seen("RELEASED").length === 1);
});

test("5 MB arrive byte-equal", () => {
  const { network, near } = connected(certificates);
  const bytes = seededBytes(5_000_000);
  network.client.open(near, 1, bytes);
  const last = () => [...network.server.received.values()][0];
  network.run(() => last()?.finished === true);
  expect(Buffer.compare(last()!.bytes(), bytes)).toBe(0);
  expect(last()!.uni).toBe(true);
});
