/** Both sides on Deno's WebTransport (quinn, native, in the runtime). Deno runs this file. */
import { idleTimeoutMs, type ReceiverParameters, type SenderParameters, streamLimit } from "./load.ts";
import { obey, parameters } from "./obey.ts";
import { type Count, receive, type Session, send } from "./web-transport.ts";

/** What of Deno is used here; its types are not among this project's. */
interface Runtime {
  readonly QuicEndpoint: new (options: object) => Endpoint;
  upgradeWebTransport(connection: object): Promise<Session>;
}
interface Endpoint {
  readonly addr: { readonly port: number };
  listen(options: object): AsyncIterable<{ accept(): Promise<object> }>;
}
interface Globals {
  readonly Deno: Runtime;
  readonly WebTransport: new (url: string, options: object) => Session;
}

const { Deno: deno, WebTransport: Client } = globalThis as unknown as Globals;
const options = parameters<ReceiverParameters | SenderParameters>();
const count: Count = { units: 0, bytes: 0 };
const totals = () => ({ ...count });

if ("chain" in options) {
  const { load, chain, key } = options;
  const endpoint = new deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    alpnProtocols: ["h3"],
    cert: chain,
    key,
    maxIdleTimeout: idleTimeoutMs,
    maxConcurrentUnidirectionalStreams: streamLimit,
  });
  obey({ totals }, { port: endpoint.addr.port });
  for await (const incoming of listener) {
    const session = await deno.upgradeWebTransport(await incoming.accept());
    await session.ready;
    receive(session, load, count);
  }
} else {
  const { load, port, sha256 } = options;
  const value = Uint8Array.from(sha256.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const serverCertificateHashes = [{ algorithm: "sha-256", value }];
  const session = new Client(`https://127.0.0.1:${port}/`, { serverCertificateHashes });
  await session.ready;
  send(session, load, count);
  obey({ totals });
}
