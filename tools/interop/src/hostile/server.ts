/**
 * A QUIC server under attack, in a process of its own: `node --expose-gc server.ts`. Says `port N`; to each line on
 * standard input it answers what memory it uses, as JSON, and what the engine used at most since the line before.
 */
import { createInterface } from "node:readline";
import {
  ByteReader,
  ByteWriter,
  type ConnectionHandler,
  engineMemory,
  generateCertificate,
  listen,
  type SendSource,
} from "@moqingbird/transport";
import type { ServerMemory } from "./siege.ts";

const bodyBytes = 4_194_304;
const sampleMs = 20;

/** Zeros for whoever opens a stream. */
class Body implements SendSource {
  #left = bodyBytes;
  readonly pending = true;

  get finished(): boolean {
    return this.#left === 0;
  }

  pull(target: Uint8Array, offset: number, max: number): number {
    const count = Math.min(max, this.#left);
    target.fill(0, offset, offset + count);
    this.#left -= count;
    return count;
  }
}

const ignored = { data() {}, finished() {}, reset() {} };

const toRogues: Partial<ConnectionHandler> = {
  stream: (stream) => {
    if (stream.direction === "bidirectional") {
      stream.setSource(new Body());
      stream.activate();
    }
    return ignored;
  },
};

const toTheHealthy: Partial<ConnectionHandler> = {
  stream: (stream) => {
    const reader = new ByteReader();
    if (stream.direction === "bidirectional") {
      const writer = new ByteWriter();
      stream.setSource(writer);
      reader.bytes().then(
        (bytes) => {
          writer.write(bytes);
          writer.finish();
        },
        () => {},
      );
    }
    return reader;
  },
};

const listener = await listen({
  host: "127.0.0.1",
  certificate: await generateCertificate(),
  alpn: ["healthy", "test"],
  onConnection: (connection) => {
    connection.handler = connection.protocol === "healthy" ? toTheHealthy : toRogues;
  },
});
let engineBytes = 0;
setInterval(() => {
  engineBytes = Math.max(engineBytes, engineMemory().inUseBytes);
}, sampleMs);
createInterface({ input: process.stdin })
  .on("line", () => {
    globalThis.gc?.();
    const memory: ServerMemory = { residentBytes: process.memoryUsage.rss(), engineBytes };
    engineBytes = engineMemory().inUseBytes;
    console.log(JSON.stringify(memory));
  })
  .on("close", () => process.exit());
console.log(`port ${listener.address.port}`);
