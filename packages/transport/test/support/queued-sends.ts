/**
 * Run inside a network namespace whose loopback is slow: sends numbered packets faster than it takes them, so that libuv
 * has to hold some, and overwrites each packet's bytes as soon as its slot is released (`leased`) or at once (`early`).
 * Prints one line of JSON.
 */
import { createSocket } from "node:dgram";
import { openDgram } from "../../src/udp/dgram.ts";

const packets = 600;
const packetBytes = 1200;
const pollMs = 5;
const giveUpMs = 20_000;

const early = process.argv[2] === "early";
const slots = Array.from({ length: packets }, (_, slot) => {
  const bytes = new Uint8Array(packetBytes).fill(slot % 251);
  new DataView(bytes.buffer).setUint32(0, slot);
  return bytes;
});

const released: number[] = [];
const sender = await openDgram(
  { address: "127.0.0.1", port: 0, bufferBytes: 65_536 },
  {
    released: (slot) => {
      released.push(slot);
      slots[slot]?.fill(0xff);
    },
    received: () => {},
    refused: () => {},
    unreachable: () => {},
  },
);

const intact = new Set<number>();
let harmed = 0;
const receiver = createSocket("udp4");
receiver.on("message", (packet) => {
  const slot = packet.readUInt32BE(0);
  if (slot < packets && packet.subarray(4).every((byte) => byte === slot % 251)) intact.add(slot);
  else harmed++;
});
await new Promise<void>((resolve) => receiver.bind(0, "127.0.0.1", resolve));
receiver.setRecvBufferSize(4 << 20);

slots.forEach((packet, slot) => {
  sender.push(slot, packet, "127.0.0.1", receiver.address().port, 0);
  if (early) packet.fill(0xff);
});
sender.flush();
const heldAfterBurst = packets - released.length;

const end = performance.now() + giveUpMs;
while (performance.now() < end && (!sender.flush() || intact.size + harmed < packets)) {
  await new Promise((resolve) => setTimeout(resolve, pollMs));
}
const inOrder = released.every((slot, i) => slot === i);
console.log(JSON.stringify({ heldAfterBurst, released: released.length, inOrder, intact: intact.size, harmed }));
await sender.close();
receiver.close();
