/**
 * The ceiling: nothing but `node:dgram` sends, as fast as one core can. No QUIC, no crypto, no acknowledgement. The batch
 * is the best of 16, 64 and 256 on the machines tried; the datagram has the size that QUIC's have after MTU discovery.
 */
import { createSocket } from "node:dgram";
import { parameters, Stopwatch } from "./child.ts";

const { port, seconds, datagramBytes } = parameters<{ port: number; seconds: number; datagramBytes: number }>();
const batch = 64;
const socket = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 });
const datagram = new Uint8Array(datagramBytes);
let packets = 0;

function sendBatch(): Promise<void> {
  return new Promise((resolve) => {
    let left = batch;
    const done = () => {
      if (--left === 0) resolve();
    };
    for (let index = 0; index < batch; index++) socket.send(datagram, port, "127.0.0.1", done);
    packets += batch;
  });
}

socket.bind(0, "127.0.0.1", async () => {
  const warmUntil = performance.now() + 500;
  while (performance.now() < warmUntil) await sendBatch();
  packets = 0;
  const watch = new Stopwatch();
  while (watch.read().wallSeconds < seconds) await sendBatch();
  process.send?.({ packets, ...watch.read() });
});
