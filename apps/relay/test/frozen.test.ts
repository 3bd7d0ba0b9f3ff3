/**
 * Subscribers that acknowledge until their congestion window is large and then do nothing more: each keeps a send window of
 * the engine's memory until it times out, and together they would keep more than there is.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { objectHeader, RawClient, subgroupHeader } from "./support/raw-client.ts";
import { RelayProcess } from "./support/relay-process.ts";

/** FROZEN=600 makes a crowd of 600: more than their windows fit into the engine's memory. */
const count = Number(process.env.FROZEN ?? 120);
/** Enough for the congestion windows of most, or for what they may have together, to be reached. */
const takenBytes = Math.min(count * 600_000, 150_000_000);
const maxMegabytes = 300;

test("a crowd that takes much and is then frozen leaves the relay below 300 MB", { timeout: 120_000 }, async () => {
  const relay = await RelayProcess.start();
  const { publisher, alias, subscribers } = await RawClient.track(relay.port, "frozen");
  const takers = spawn(
    process.execPath,
    [
      "--conditions=@moqingbird/source",
      fileURLToPath(new URL("./support/takers.ts", import.meta.url)),
      ...[relay.port, "frozen", count].map(String),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let taken = 0;
  createInterface({ input: takers.stdout }).on("line", (line) => {
    taken = (JSON.parse(line) as { bytes: number }).bytes;
  });
  await once(takers.stdout, "data");

  const body = new Uint8Array(65_536);
  let group = 0;
  const publishUntil = async (done: () => boolean) => {
    while (!done()) {
      if (publisher.openStreams < 4) {
        publisher.stream([subgroupHeader(alias, group++), objectHeader(0, 2 * body.length), body, body]);
      } else {
        await sleep(1);
      }
    }
  };
  const giveUpAt = performance.now() + 30_000;
  await publishUntil(() => taken > takenBytes || performance.now() > giveUpAt);
  takers.kill("SIGSTOP");
  const until = performance.now() + 4000;
  await publishUntil(() => performance.now() > until);
  takers.kill("SIGKILL");
  publisher.close();
  for (const subscriber of subscribers) subscriber.close();
  const { peakMegabytes, running, noise } = relay;
  await relay.stop();

  expect(taken).toBeGreaterThan(takenBytes);
  expect({ running, noise }).toEqual({ running: true, noise: [] });
  expect(peakMegabytes).toBeLessThan(maxMegabytes);
});
