import { connect, generateCertificate, type Listener, listen } from "@moqingbird/transport";
import { protocolsOf } from "../src/index.ts";
import { type Ends, mainCases } from "./support/cases.ts";

const listeners: Listener[] = [];

mainCases({
  name: "QUIC on loopback",
  async open() {
    const certificate = await generateCertificate({ names: ["localhost"] });
    let arrived!: (connection: Ends["server"]) => void;
    const server = new Promise<Ends["server"]>((resolve) => {
      arrived = resolve;
    });
    const here = await listen({ host: "127.0.0.1", certificate, alpn: protocolsOf(), onConnection: arrived });
    listeners.push(here);
    const client = await connect({
      host: "127.0.0.1",
      port: here.address.port,
      serverName: "localhost",
      alpn: protocolsOf(),
      trust: { sha256: [certificate.sha256] },
    });
    return { client, server: await server };
  },
  async until(condition, what) {
    const deadline = performance.now() + 10_000;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  },
  async close() {
    await Promise.all(listeners.splice(0).map((each) => each.close()));
  },
});
