/** Both sides on our WebTransport, by the W3C interface. */
import { listen, parseFingerprint, WebTransport } from "@moqingbird/transport";
import { idleTimeoutMs, type ReceiverParameters, type SenderParameters, streamLimit } from "./load.ts";
import { obey, parameters } from "./obey.ts";
import { type Count, receive, type Session, send } from "./web-transport.ts";

const options = parameters<ReceiverParameters | SenderParameters>();
const count: Count = { units: 0, bytes: 0 };
let session: WebTransport | undefined;

const totals = () => {
  const { sentPackets = 0, receivedPackets = 0 } = session?.connection?.stats() ?? {};
  return { ...count, packets: "chain" in options ? receivedPackets : sentPackets };
};

if ("chain" in options) {
  const { load, chain, key } = options;
  const listener = await listen({
    host: "127.0.0.1",
    certificate: { chain, key },
    transport: { maxUniStreams: streamLimit, idleTimeoutMs },
    webTransport: {
      onRequest(request) {
        session = request.accept();
        receive(session as Session, load, count);
      },
    },
  });
  obey({ totals }, { port: listener.address.port });
} else {
  const { load, port, sha256 } = options;
  const serverCertificateHashes = [{ algorithm: "sha-256", value: parseFingerprint(sha256) }];
  session = new WebTransport(`https://127.0.0.1:${port}/`, { serverCertificateHashes });
  await session.ready;
  send(session as Session, load, count);
  obey({ totals });
}
