/**
 * Both sides on quinn as npm's `@chainsafe/libp2p-quic` packs it: a native addon. Its own streams and connections are used,
 * without the layers that libp2p puts above them. It has neither one-way streams nor datagrams.
 */
import { generateKeyPairSync } from "node:crypto";
import { pathToFileURL } from "node:url";
import { chunkBytes, idleTimeoutMs, objectBytes, objectWindow, streamLimit } from "./load.ts";
import { obey, parameters } from "./obey.ts";

/** What of the addon is used here; the package declares it as `any`. */
interface Addon {
  readonly QuinnConfig: new (options: object) => object;
  readonly Server: new (config: object, host: string, port: number) => { inboundConnection(): Promise<Connection> };
  readonly Client: new (
    config: object,
    family: number,
  ) => { outboundConnection(host: string, port: number): Promise<Connection> };
}
interface Connection {
  inboundStream(): Promise<Stream>;
  outboundStream(): Promise<Stream>;
}
interface Stream {
  read(max: number): Promise<Uint8Array | null>;
  write(chunk: Uint8Array): Promise<void>;
  finishWrite(): Promise<void>;
}

const { folder, load, port } = parameters<{ folder: string; load: "bulk" | "objects"; port: number }>();
const file = pathToFileURL(`${folder}/node_modules/@chainsafe/libp2p-quic/dist/src/napi.js`).href;
const { Client, QuinnConfig, Server } = (await import(file)) as Addon;
const config = new QuinnConfig({
  handshakeTimeout: 10_000,
  maxIdleTimeout: idleTimeoutMs,
  keepAliveInterval: 5_000,
  maxConcurrentStreamLimit: streamLimit,
  maxStreamData: 10_000_000,
  maxConnectionData: 15_000_000,
  privateKeyProto: identity(),
  receiveBufferSize: 4 * 1024 * 1024,
  sendBufferSize: 4 * 1024 * 1024,
});
let units = 0;
let bytes = 0;

if (port === undefined) receive();
else await send();

/** An Ed25519 key in libp2p's protobuf: type 1, then 64 bytes of private and public key. */
function identity(): Uint8Array {
  const { d = "", x = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return Buffer.concat([Uint8Array.of(0x08, 1, 0x12, 64), Buffer.from(d, "base64url"), Buffer.from(x, "base64url")]);
}

async function receive(): Promise<void> {
  // The addon does not tell which port it got.
  const free = 20_000 + (process.pid % 20_000);
  const server = new Server(config, "127.0.0.1", free);
  obey({ totals: () => ({ units, bytes }) }, { port: free });
  const connection = await server.inboundConnection();
  for (;;) void drain(await connection.inboundStream());
}

async function drain(stream: Stream): Promise<void> {
  for (;;) {
    const chunk = await stream.read(chunkBytes);
    if (chunk === null) break;
    bytes += chunk.length;
  }
  units++;
  await stream.finishWrite();
}

async function send(): Promise<void> {
  const connection = await new Client(config, 0).outboundConnection("127.0.0.1", port);
  if (load === "bulk") void sendBulk(connection);
  else for (let i = 0; i < objectWindow; i++) void sendObjects(connection);
  obey({ totals: () => ({ units, bytes }) });
}

async function sendBulk(connection: Connection): Promise<void> {
  const stream = await connection.outboundStream();
  const chunk = new Uint8Array(chunkBytes).fill(7);
  for (;;) {
    await stream.write(chunk);
    bytes += chunk.length;
  }
}

async function sendObjects(connection: Connection): Promise<void> {
  const payload = new Uint8Array(objectBytes).fill(7);
  for (;;) {
    const stream = await connection.outboundStream();
    await stream.write(payload);
    await stream.finishWrite();
    while ((await stream.read(chunkBytes)) !== null);
    units++;
    bytes += payload.length;
  }
}
