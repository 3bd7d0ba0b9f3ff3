/** A certificate that is made anew before it expires. */
import { derivedSeed } from "@moqingbird/testing";
import type { CertificateSource } from "@moqingbird/transport";
import { renewCertificateBy } from "@moqingbird/transport/simulation";
import { expect, test } from "vitest";
import { Simulation } from "../src/index.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const transport = { idleTimeoutMs: hourMs, keepAliveMs: hourMs / 3 };
const alpn = ["test"];

test("when the clock is 13 days on, new clients see a new certificate, and the old session lives on", async () => {
  const simulation = new Simulation(derivedSeed(1, 1));
  const [near, far] = [simulation.process(), simulation.process()];
  simulation.link(near, far, { latencyMs: 20 });
  const changed = Promise.withResolvers<CertificateSource["certificates"]>();
  let ahead = 0;
  const clock = { wallMillis: () => far.loop.wallMillis() + ahead, schedule: far.loop.schedule };
  const source = await renewCertificateBy(clock, { names: ["localhost"], onChange: changed.resolve });
  const listener = await simulation.until(
    far.listen({ alpn, transport, onConnection: () => {}, certificate: source }),
    1000,
  );
  const first = source.certificate;
  const dial = (sha256: Uint8Array) =>
    simulation.until(near.connect(far, { alpn, transport, trust: { sha256: [sha256] } }), 10_000);
  const old = await dial(first.sha256);
  let ended = false;
  void old.closed.then(() => {
    ended = true;
  });

  ahead = 13 * dayMs;
  await simulation.pass(hourMs);
  const [second] = await changed.promise;
  expect(first.notAfter.getTime()).toBeGreaterThan(clock.wallMillis());
  expect(second?.notAfter.getTime()).toBeGreaterThan(clock.wallMillis() + 13 * dayMs);
  await expect(dial(first.sha256)).rejects.toMatchObject({ code: "certificate-untrusted" });
  const fresh = await dial(second?.sha256 ?? new Uint8Array());
  await simulation.pass(1000); // the server's side of it
  expect(ended).toBe(false);
  expect(listener.connections.size).toBe(2);

  source.close();
  for (const connection of [old, fresh]) connection.close();
  await simulation.until(listener.close(), 10_000);
});
