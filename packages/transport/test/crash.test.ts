/** A crash of the engine in one thread, as the peers in another see it. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { certificate, client, closeAll, exchange, pattern } from "./support/pair.ts";

afterEach(closeAll);

/** A thread with a listener that echoes, whose engine can be told to trap. */
async function listenElsewhere(): Promise<{ port: number; restarted: () => Promise<string>; crash: () => void }> {
  const { chain, key } = await certificate();
  const worker = new Worker(new URL("support/crashing-server.ts", import.meta.url), { workerData: { chain, key } });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = await once(worker, "message");
  return {
    port,
    crash: () => worker.postMessage("crash"),
    restarted: async () => (await once(worker, "message"))[0],
  };
}

test("a listener outlives a trap of its engine: old clients are reset at once, new ones are served", async () => {
  const server = await listenElsewhere();
  const at = { address: { address: "127.0.0.1", port: server.port } };
  const old = await client(at);
  const before = exchange(old);
  before.writer.write(pattern(10));
  expect(await before.reader.read()).toEqual(pattern(10));

  const restarted = server.restarted();
  server.crash();
  expect(await restarted).toContain("The QUIC engine of this thread crashed");
  const start = performance.now();
  before.writer.write(pattern(10));
  expect(await old.closed).toMatchObject({ by: "reset", error: { code: "connection-reset" } });
  expect(performance.now() - start).toBeLessThan(2_000); // the idle time-out is 10 s

  const next = await client(at);
  expect(next.resumed).toBe(true); // by the ticket of the engine that is gone
  const after = exchange(next);
  after.writer.write(pattern(100_000));
  after.writer.finish();
  expect(Buffer.compare(await after.reader.bytes(), pattern(100_000))).toBe(0);
});
