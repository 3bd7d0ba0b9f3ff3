/** The receiving side of `bulk`: a listener that counts what comes on the first stream, and tells when it ended. */
import { type Connection, generateCertificate, listen, type ReceiveSink } from "@moqingbird/transport";
import { Stopwatch } from "./child.ts";

/** Takes bytes and forgets them. */
class Counter implements ReceiveSink {
  readonly #done: (bytes: number) => void;
  #bytes = 0;

  constructor(done: (bytes: number) => void) {
    this.#done = done;
  }

  data(_bytes: Uint8Array, start: number, end: number): void {
    this.#bytes += end - start;
  }

  finished(): void {
    this.#done(this.#bytes);
  }

  reset(): void {
    this.#done(this.#bytes);
  }
}

const certificate = await generateCertificate({ names: ["localhost"] });

function serve(connection: Connection): void {
  connection.handler = {
    stream() {
      const watch = new Stopwatch();
      return new Counter((bytes) => {
        const { receivedPackets, sentPackets } = connection.stats();
        process.send?.({ bytes, receivedPackets, sentPackets, ...watch.read() });
      });
    },
  };
}

const listener = await listen({ host: "127.0.0.1", port: 0, certificate, alpn: ["bulk"], onConnection: serve });
process.send?.({ port: listener.address.port, sha256: Buffer.from(certificate.sha256).toString("hex") });
