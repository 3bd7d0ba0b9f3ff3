/**
 * The ceiling: nothing but `node:dgram` sends, as fast as one core can. No QUIC, no crypto, no acknowledgement. The batch
 * is the best of 16, 64 and 256 on the machines tried; the datagram has the size that QUIC's have after MTU discovery.
 */
import { createSocket } from "node:dgram";
import { obey, parameters } from "./obey.ts";

const { port, rawBytes } = parameters<{ port: number; rawBytes: number }>();
const batch = 64;
const batchesPerTurn = 16;
const socket = createSocket({ type: "udp4", sendBufferSize: 4 * 1024 * 1024 });
const datagram = new Uint8Array(rawBytes);
let units = 0;
let running = true;

function sendBatch(): Promise<void> {
  return new Promise((resolve) => {
    let left = batch;
    const done = () => {
      if (--left === 0) resolve();
    };
    for (let index = 0; index < batch; index++) socket.send(datagram, port, "127.0.0.1", done);
    units += batch;
  });
}

socket.bind(0, "127.0.0.1", async () => {
  obey({
    totals: () => ({ units, bytes: units * rawBytes, packets: units }),
    async stop() {
      running = false;
    },
  });
  while (running) {
    for (let batches = 0; batches < batchesPerTurn; batches++) await sendBatch();
    await new Promise((resolve) => setImmediate(resolve)); // orders are heard between turns
  }
});
