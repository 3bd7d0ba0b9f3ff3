/** Accepts connections and counts them: ours, quiche's, or TLS 1.3 over TCP of Node. */
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { listen } from "@moqingbird/transport";
import { protocol } from "./load.ts";
import { obey, parameters } from "./obey.ts";

export type HandshakeKind = "ours" | "tls" | "quiche";

const options = parameters<{ kind: HandshakeKind; chain: string; key: string; folder: string }>();
const { kind, chain, key, folder } = options;
let units = 0;
const count = (): void => {
  units++;
};

async function start(): Promise<number> {
  switch (kind) {
    case "ours": {
      const listener = await listen({
        host: "127.0.0.1",
        certificate: { chain, key },
        alpn: [protocol],
        onConnection: count,
      });
      return listener.address.port;
    }
    case "tls": {
      const server = createServer({ cert: chain, key, minVersion: "TLSv1.3", ALPNProtocols: [protocol] }, (socket) => {
        count();
        socket.on("error", () => {}).resume();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return (server.address() as AddressInfo).port;
    }
    case "quiche": {
      const { createQuicServer } = createRequire(`${folder}/`)("@currentspace/http3") as {
        createQuicServer(options: object): {
          on(event: "session", listener: () => void): void;
          listen(port: number, host: string): Promise<{ port: number }>;
        };
      };
      const common = { alpn: [protocol], runtimeMode: "portable", fallbackPolicy: "error" };
      const server = createQuicServer({ ...common, cert: chain, key });
      server.on("session", count);
      return (await server.listen(0, "127.0.0.1")).port;
    }
  }
}

const port = await start();
obey({ totals: () => ({ units, bytes: 0 }) }, { port });
