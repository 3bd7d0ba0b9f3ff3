/** Our receiver: counts what comes on streams and in datagrams. */
import { type Connection, listen, type ReceiveSink } from "@moqingbird/transport";
import { idleTimeoutMs, protocol, type ReceiverParameters, streamLimit } from "./load.ts";
import { obey, parameters } from "./obey.ts";

const { chain, key, over = "quic" } = parameters<ReceiverParameters>();
let units = 0;
let bytes = 0;
let connection: Connection | undefined;

/** Takes bytes and forgets them; keeps nothing per stream. */
const counter: ReceiveSink = {
  data(_bytes, start, end) {
    bytes += end - start;
  },
  finished() {
    units++;
  },
  reset() {},
};

function take(accepted: Connection): void {
  connection = accepted;
  accepted.handler = {
    stream: () => counter,
    datagram(_bytes, start, end) {
      units++;
      bytes += end - start;
    },
  };
}

const listener = await listen({
  host: "127.0.0.1",
  certificate: { chain, key },
  transport: { maxUniStreams: streamLimit, idleTimeoutMs },
  ...(over === "quic"
    ? { alpn: [protocol], onConnection: take }
    : {
        webTransport: {
          onRequest: (request) => {
            const { connection } = request.accept();
            if (connection !== undefined) take(connection);
          },
        },
      }),
});
obey(
  { totals: () => ({ units, bytes, packets: connection?.stats().receivedPackets ?? 0 }) },
  { port: listener.address.port },
);
