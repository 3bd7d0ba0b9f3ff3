/** Our receiver: counts what comes on streams and in datagrams. */
import { type Connection, listen, type ReceiveSink } from "@moqingbird/transport";
import { idleTimeoutMs, protocol, type ReceiverParameters, streamLimit } from "./load.ts";
import { obey, parameters } from "./obey.ts";

const { chain, key } = parameters<ReceiverParameters>();
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

const listener = await listen({
  host: "127.0.0.1",
  certificate: { chain, key },
  alpn: [protocol],
  transport: { maxUniStreams: streamLimit, idleTimeoutMs },
  onConnection(accepted) {
    connection = accepted;
    accepted.handler = {
      stream: () => counter,
      datagram(_bytes, start, end) {
        units++;
        bytes += end - start;
      },
    };
  },
});
obey(
  { totals: () => ({ units, bytes, packets: connection?.stats().receivedPackets ?? 0 }) },
  { port: listener.address.port },
);
