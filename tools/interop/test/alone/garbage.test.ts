/** Datagrams that are no QUIC, or nearly, at the relay's port: nobody notices. */
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { expect } from "vitest";
import { test } from "../../src/lab/lab.ts";
import { peakMemoryBytes } from "../../src/lab/memory.ts";
import { startRelay } from "../../src/lab/ours.ts";
import { startMoqClock } from "../../src/lab/peers.ts";

const datagrams = 60_000;
/** Sent before memory is measured: the first ones make the relay's code hot and its buffers full-grown. */
const warmUp = 20_000;
/** What the garbage collector may leave lying about, in bytes; 60,000 datagrams are 45 MB. */
const slackBytes = 16_000_000;

test("random datagrams at the relay's port disturb nobody and stay out of its memory", { timeout: 60_000 }, async ({
  lab,
}) => {
  const seed = process.env.INTEROP_SEED ?? randomBytes(8).toString("hex");
  const relay = await startRelay(lab);
  const publisher = startMoqClock(lab, relay.url, { publish: true, datagrams: true });
  await relay.log.until({ event: "publish-namespace-ok" });
  const subscriber = startMoqClock(lab, relay.url);
  await subscriber.matches(/\d\d:\d\d:\d\d$/, 1);
  await shower(relay.port, `${seed} warm-up`, warmUp);
  const before = await peakMemoryBytes(relay.program);

  await shower(relay.port, seed, datagrams);

  const heard = subscriber.lines.length;
  const lines = await subscriber.matches(/\d\d:\d\d:\d\d$/, heard + 2);
  expect(publisher.lines).toEqual(expect.arrayContaining(lines));
  expect(relay.program.exit, `seed ${seed}`).toBeUndefined();
  const peak = await peakMemoryBytes(relay.program);
  expect(peak, `seed ${seed}`).toBeLessThan(300_000_000);
  expect(peak - before, `seed ${seed}`).toBeLessThan(slackBytes);
  // A stranger is still let in.
  await startMoqClock(lab, relay.url).matches(/\d\d:\d\d:\d\d$/, 1);
});

/** Sends from four sockets: noise of every length, and noise dressed as QUIC version 1 packets of each kind. */
async function shower(port: number, seed: string, count: number): Promise<void> {
  const sockets = [1, 2, 3, 4].map(() => createSocket("udp4"));
  const noise = createHash("shake256", { outputLength: 65_536 }).update(seed).digest();
  for (let index = 0; index < count; index++) {
    const socket = sockets[index % sockets.length] as (typeof sockets)[number];
    const packet = garbage(noise, index);
    await new Promise<void>((resolve) => socket.send(packet, port, "127.0.0.1", () => resolve()));
  }
  for (const socket of sockets) socket.close();
}

function garbage(noise: Buffer, index: number): Buffer {
  const from = (index * 7_919) % (noise.length - 1_500);
  const length = index % 3 === 0 ? 1_200 + (index % 253) : 4 + (index % 1_469);
  const packet = Buffer.from(noise.subarray(from, from + length));
  packet.writeUInt32LE(index, 0); // no two are the same
  if (index % 3 !== 0 || length < 7) return packet;
  packet[0] = 0xc0 | ((index >> 2) & 0x3f); // long header: Initial, 0-RTT, Handshake or Retry
  packet.writeUInt32BE(index % 5 === 0 ? 0x1a2a3a4a : 1, 1); // a version to negotiate, or version 1
  packet[5] = index % 2 === 0 ? 8 : (noise[from] as number); // a fitting connection id, or any length
  return packet;
}
