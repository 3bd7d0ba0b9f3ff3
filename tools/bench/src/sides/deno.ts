/** Both sides on Deno's own QUIC (quinn, native, in the runtime). Deno runs this file. */
import {
  chunkBytes,
  datagramBytes,
  idleTimeoutMs,
  objectBytes,
  objectWindow,
  protocol,
  type ReceiverParameters,
  type SenderParameters,
  streamLimit,
} from "./load.ts";
import { obey, parameters } from "./obey.ts";

/** What of Deno is used here; its types are not among this project's. */
interface Runtime {
  readonly QuicEndpoint: new (options: object) => Endpoint;
  connectQuic(options: object): Promise<Connection>;
}
interface Endpoint {
  readonly addr: { readonly port: number };
  listen(options: object): { accept(): Promise<Connection> };
}
interface Connection {
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  createUnidirectionalStream(options?: object): Promise<WritableStream<Uint8Array>>;
  readDatagram(): Promise<Uint8Array>;
  sendDatagram(payload: Uint8Array): Promise<void>;
}

const deno = (globalThis as unknown as { Deno: Runtime }).Deno;
const options = parameters<ReceiverParameters | SenderParameters>();
const transport = {
  alpnProtocols: [protocol],
  maxIdleTimeout: idleTimeoutMs,
  maxConcurrentUnidirectionalStreams: streamLimit,
};
let units = 0;
let bytes = 0;

if ("chain" in options) await receive(options);
else await send(options);

async function receive({ load, chain, key }: ReceiverParameters): Promise<void> {
  const endpoint = new deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({ ...transport, cert: chain, key });
  obey({ totals: () => ({ units, bytes }) }, { port: endpoint.addr.port });
  const connection = await listener.accept();
  if (load === "datagrams") {
    for (;;) {
      bytes += (await connection.readDatagram()).length;
      units++;
    }
  }
  for await (const stream of connection.incomingUnidirectionalStreams) void drain(stream);
}

async function drain(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const chunk of stream) bytes += chunk.length;
  units++;
}

async function send({ load, port, root }: SenderParameters): Promise<void> {
  const connection = await deno.connectQuic({
    ...transport,
    hostname: "127.0.0.1",
    port,
    serverName: "localhost",
    caCerts: [root],
  });
  if (load === "bulk") void sendBulk(connection);
  else if (load === "datagrams") void sendDatagrams(connection);
  else for (let i = 0; i < objectWindow; i++) void sendObjects(connection);
  obey({ totals: () => ({ units, bytes }) });
}

async function sendBulk(connection: Connection): Promise<void> {
  const writer = (await connection.createUnidirectionalStream()).getWriter();
  const chunk = new Uint8Array(chunkBytes).fill(7);
  for (;;) {
    await writer.write(chunk);
    bytes += chunk.length;
  }
}

async function sendObjects(connection: Connection): Promise<void> {
  const payload = new Uint8Array(objectBytes).fill(7);
  for (;;) {
    const stream = await connection.createUnidirectionalStream({ waitUntilAvailable: true });
    const writer = stream.getWriter();
    await writer.write(payload);
    await writer.close();
    units++;
    bytes += payload.length;
  }
}

async function sendDatagrams(connection: Connection): Promise<void> {
  const payload = new Uint8Array(datagramBytes).fill(7);
  for (;;) {
    await connection.sendDatagram(payload);
    units++;
    bytes += payload.length;
  }
}
