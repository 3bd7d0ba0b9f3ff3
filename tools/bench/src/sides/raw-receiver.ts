/** Receives and counts datagrams, so that the raw sender's packets go the same way as QUIC's do. */
import { createSocket } from "node:dgram";
import { obey } from "./obey.ts";

const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
let units = 0;
let bytes = 0;
socket.on("message", (message) => {
  units++;
  bytes += message.length;
});
socket.bind(0, "127.0.0.1", () => {
  obey({ totals: () => ({ units, bytes, packets: units }) }, { port: socket.address().port });
});
