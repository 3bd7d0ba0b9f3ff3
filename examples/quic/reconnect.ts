import {
  ByteReader,
  ByteWriter,
  connect,
  generateCertificate,
  type Listener,
  listen,
  reconnect,
} from "@moqingbird/transport";

// A server that tells each client which one it is, and is started anew in between.
const certificate = await generateCertificate({ names: ["localhost"] });
let clients = 0;
const start = (port: number): Promise<Listener> =>
  listen({
    host: "127.0.0.1",
    port,
    certificate,
    alpn: ["counter/1"],
    onConnection: (connection) => {
      const writer = ByteWriter.open(connection);
      writer.write(Uint8Array.of(++clients));
      writer.finish();
    },
  });
let server = await start(0);
const { port } = server.address;

// A client that comes back: pauses double from 50 ms to 1 s here, half of each by chance, until its signal says it is enough.
const enough = new AbortController();
await reconnect({
  open: (signal) =>
    connect({ host: "127.0.0.1", port, alpn: ["counter/1"], trust: { sha256: [certificate.sha256] }, signal }),
  use: async (connection) => {
    const reader = new ByteReader();
    connection.handler = { stream: () => reader };
    const [number] = await reader.bytes();
    console.log(`client ${number}`);
    if (number === 3) enough.abort();
    else await restart();
  },
  firstMs: 50,
  longestMs: 1000,
  signal: enough.signal,
});
await server.close();

async function restart(): Promise<void> {
  await server.close({ reason: "back in a moment" });
  server = await start(port);
}
