/** Receives and counts datagrams, so that the raw sender's packets go the same way as QUIC's do. */
import { createSocket } from "node:dgram";

const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
let packets = 0;
socket.on("message", () => {
  packets++;
});
socket.bind(0, "127.0.0.1", () => process.send?.({ port: socket.address().port }));
process.on("message", () => process.send?.({ packets }));
