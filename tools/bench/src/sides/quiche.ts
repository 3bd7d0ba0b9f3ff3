/**
 * Both sides on quiche as npm's `@currentspace/http3` packs it: a native addon. It has no one-way streams, so an object goes on
 * a stream both ways whose other direction ends empty.
 */
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import {
  chunkBytes,
  datagramBytes,
  idleTimeoutMs,
  objectBytes,
  objectWindow,
  protocol,
  type ReceiverParameters,
  type SenderParameters,
} from "./load.ts";
import { obey, parameters } from "./obey.ts";

/** What of the package is used here. Its own types cannot be imported: it lives in the cache. */
interface Quiche {
  createQuicServer(options: object): {
    on(event: "session", listener: (session: Session) => void): void;
    listen(port: number, host: string): Promise<{ port: number }>;
  };
  connectQuicAsync(authority: string, options: object): Promise<Session>;
}
interface Session {
  on(event: "stream", listener: (stream: Duplex) => void): void;
  on(event: "datagram", listener: (payload: Buffer) => void): void;
  openStream(): Duplex;
  sendDatagram(payload: Buffer): boolean;
  getMetrics(): { packetsIn: number; packetsOut: number; datagramQueueDepth: number } | null;
}

const options = parameters<(ReceiverParameters | SenderParameters) & { folder: string }>();
const quiche = createRequire(`${options.folder}/`)("@currentspace/http3") as Quiche;
const common = {
  alpn: [protocol],
  enableDatagrams: true,
  maxIdleTimeoutMs: idleTimeoutMs,
  runtimeMode: "portable", // the native addon without io_uring, which not every kernel has
  fallbackPolicy: "error",
};
let units = 0;
let bytes = 0;

if ("chain" in options) await receive(options);
else await send(options);

async function receive({ chain, key }: ReceiverParameters): Promise<void> {
  const server = quiche.createQuicServer({ ...common, cert: chain, key });
  server.on("session", (session) => {
    session.on("stream", (stream) => {
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("end", () => {
        units++;
        stream.end();
      });
      stream.on("error", () => {});
    });
    session.on("datagram", (payload) => {
      units++;
      bytes += payload.length;
    });
  });
  const { port } = await server.listen(0, "127.0.0.1");
  obey({ totals: () => ({ units, bytes }) }, { port });
}

async function send({ load, port, root }: SenderParameters): Promise<void> {
  const session = await quiche.connectQuicAsync(`127.0.0.1:${port}`, { ...common, ca: root, servername: "localhost" });
  const sending = { bulk: sendBulk, objects: sendObjects, datagrams: sendDatagrams };
  sending[load](session);
  obey({ totals: () => ({ units, bytes }) });
}

function sendBulk(session: Session): void {
  const stream = session.openStream();
  const chunk = Buffer.alloc(chunkBytes, 7);
  stream.on("error", () => {});
  stream.resume();
  const write = (): void => {
    do bytes += chunk.length;
    while (stream.write(chunk));
  };
  stream.on("drain", write);
  write();
}

function sendObjects(session: Session): void {
  const payload = Buffer.alloc(objectBytes, 7);
  const next = (): void => {
    const stream = session.openStream();
    stream.on("error", () => {});
    stream.resume();
    stream.once("end", () => {
      units++;
      bytes += payload.length;
      next();
    });
    stream.end(payload);
  };
  for (let i = 0; i < objectWindow; i++) next();
}

function sendDatagrams(session: Session): void {
  const payload = Buffer.alloc(datagramBytes, 7);
  const fill = (): void => {
    for (let room = 128 - (session.getMetrics()?.datagramQueueDepth ?? 0); room > 0; room--) {
      if (!session.sendDatagram(payload)) break;
      units++;
      bytes += payload.length;
    }
    setImmediate(fill);
  };
  fill();
}
