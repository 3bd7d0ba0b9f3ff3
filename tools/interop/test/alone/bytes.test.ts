/** Two hundred megabytes through our relay: whole when the receivers keep up, and honest about the holes when they do not. */
import { createWriteStream } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { difference, makeRandomFile, unexplainedGap } from "../../src/lab/files.ts";
import { test } from "../../src/lab/lab.ts";
import { peakMemoryBytes } from "../../src/lab/memory.ts";
import { startMoqb, startRelay, trust } from "../../src/lab/ours.ts";

const sizeBytes = 200_000_000;
/** What `--format bytes` puts into a group. */
const groupBytes = 4 * 1024 * 1024;
const memoryLimitBytes = 300_000_000;

test("three subscribers receive 200 MB at 100 Mbit/s byte for byte", { timeout: 120_000 }, async ({ lab }) => {
  const relay = await startRelay(lab);
  const input = lab.file("input");
  const seed = await makeRandomFile(input, sizeBytes);
  const subscribers = [1, 2, 3].map((number) => {
    const output = lab.file(`output-${number}`);
    const sub = ["sub", relay.url, "--broadcast", "big/file", "--output", output, ...trust(lab)];
    return { output, program: startMoqb(lab, sub, { name: `moqb sub ${number}` }) };
  });
  await relay.log.count({ event: "subscribe-namespace", namespace: "big/file" }, 3); // all are there before the first byte
  const pub = ["pub", relay.url, "--broadcast", "big/file", "--wait", "--rate", "100M", ...trust(lab)];
  const publisher = startMoqb(lab, pub, { stdin: { file: input } });
  expect(await publisher.exits(60_000)).toEqual({ code: 0, signal: null });
  for (const { program, output } of subscribers) {
    expect(await program.exits(20_000), program.name).toEqual({ code: 0, signal: null });
    expect(await difference(input, output), `${program.name}, seed ${seed}`).toBe("");
  }
  expect(relay.log.all({ event: "upstream-subscribe", namespace: "big/file", track: "data" })).toHaveLength(1);
  expect(await peakMemoryBytes(relay.program)).toBeLessThan(memoryLimitBytes);
});

test("a subscriber that falls behind names its gaps, and the relay's memory stays under its bound", {
  timeout: 120_000,
}, async ({ lab }) => {
  const relay = await startRelay(lab);
  const input = lab.file("input");
  const seed = await makeRandomFile(input, sizeBytes);
  const sub = ["sub", relay.url, "--broadcast", "big/file", ...trust(lab)];
  const quick = startMoqb(lab, [...sub, "--output", lab.file("quick")], { name: "quick moqb sub" });
  const slow = startMoqb(lab, sub, { name: "slow moqb sub", stdout: "pipe" });
  await relay.log.count({ event: "subscribe-namespace", namespace: "big/file" }, 2);
  const publisher = startMoqb(lab, ["pub", relay.url, "--broadcast", "big/file", "--wait", ...trust(lab)], {
    stdin: { file: input },
  });
  const drained = readSlowly(slow.stdout, lab.file("slow"), publisher.ended);

  expect(await publisher.exits(60_000)).toEqual({ code: 0, signal: null });
  const exits = [
    { name: "quick", exit: await quick.exits(30_000), lines: quick.lines },
    { name: "slow", exit: await slow.exits(30_000), lines: slow.lines },
  ];
  await drained;
  for (const { name, exit, lines } of exits) {
    const lost = lostGroups(lines);
    expect(exit, name).toEqual({ code: lost.size > 0 ? 8 : 0, signal: null });
    expect(await unexplainedGap(input, lab.file(name), groupBytes, lost), `${name}, seed ${seed}`).toBe("");
  }
  expect(lostGroups(slow.lines).size, "the slow one really fell behind").toBeGreaterThan(0);
  expect(await peakMemoryBytes(relay.program)).toBeLessThan(memoryLimitBytes);
});

/** Takes 8 MB/s while the publisher lives, far less than it sends, and everything at once afterwards. */
async function readSlowly(from: NodeJS.ReadableStream, file: string, until: Promise<unknown>): Promise<void> {
  const to = createWriteStream(file);
  let hurry = false;
  until.then(() => {
    hurry = true;
  });
  for await (const chunk of from as AsyncIterable<Buffer>) {
    to.write(chunk);
    if (!hurry) await Promise.race([delay(chunk.length / 8_000), until]);
  }
  await new Promise<void>((resolve) => to.end(resolve));
}

/** "lost groups 3 to 7" and "lost group 12" of the standard error. */
function lostGroups(lines: readonly string[]): Set<number> {
  const lost = new Set<number>();
  for (const line of lines) {
    const match = /lost groups? (\d+)(?: to (\d+))?/.exec(line);
    if (match === null) continue;
    const first = Number(match[1]);
    for (let group = first; group <= Number(match[2] ?? first); group++) lost.add(group);
  }
  return lost;
}
