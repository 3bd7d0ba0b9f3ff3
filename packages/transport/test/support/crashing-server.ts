/** A worker thread with an echoing listener; at the message "crash" its engine's memory is overwritten, so that it traps. */
import { parentPort, workerData } from "node:worker_threads";
import { listen } from "@moqingbird/transport";
import { runtime } from "../../src/quic/thread.ts";
import { echo } from "./pair.ts";

const listener = await listen({
  host: "127.0.0.1",
  certificate: workerData,
  alpn: ["test"],
  onConnection: (connection) => {
    connection.handler = echo();
  },
  onRestart: (error) => parentPort?.postMessage(error.message),
});
parentPort?.on("message", () => {
  runtime().engine.memory.fill(0xff);
  runtime().touch();
});
parentPort?.postMessage(listener.address.port);
