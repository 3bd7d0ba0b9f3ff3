/** Connects and closes for ever, several at a time, without resumption. */
import { createRequire } from "node:module";
import { connect as tlsConnect } from "node:tls";
import { connect } from "@moqingbird/transport";
import type { HandshakeKind } from "./handshake-server.ts";
import { protocol } from "./load.ts";
import { obey, parameters } from "./obey.ts";

const { kind, port, root, folder } = parameters<{ kind: HandshakeKind; port: number; root: string; folder: string }>();
const atOnce = 16;
let units = 0;
let failures = 0;
let running = true;

const alpn = [protocol];
const handshakes: Record<HandshakeKind, () => Promise<unknown>> = {
  async ours() {
    const connection = await connect({
      host: "127.0.0.1",
      port,
      serverName: "localhost",
      alpn,
      trust: { roots: [root] },
      socketBufferBytes: 64 * 1024,
    });
    connection.close();
  },
  tls: () =>
    new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, servername: "localhost", ca: root, ALPNProtocols: alpn };
      const socket = tlsConnect(options, () => socket.end());
      socket.once("error", reject).once("close", resolve).resume();
    }),
  quiche: async () => {
    const session = await quiche().connectQuicAsync(`127.0.0.1:${port}`, {
      alpn,
      ca: root,
      servername: "localhost",
      runtimeMode: "portable",
      fallbackPolicy: "error",
    });
    await session.close(0, "");
  },
};

interface Quiche {
  connectQuicAsync(authority: string, options: object): Promise<{ close(code: number, reason: string): Promise<void> }>;
}
const quiche = (): Quiche => createRequire(`${folder}/`)("@currentspace/http3") as Quiche;

async function dialForEver(): Promise<void> {
  while (running) {
    await handshakes[kind]().then(
      () => units++,
      () => failures++,
    );
  }
}

for (let i = 0; i < atOnce; i++) void dialForEver();
obey({
  totals: () => ({ units, bytes: 0, failures }),
  async stop() {
    running = false;
  },
});
