import { setTimeout as sleep } from "node:timers/promises";
import { generateCertificate, listen, WebTransport } from "@moqingbird/transport";

// A server that returns every datagram.
const certificate = await generateCertificate({ names: ["localhost"] });
const server = await listen({
  certificate,
  webTransport: {
    onRequest: (request) => {
      const { datagrams } = request.accept();
      void datagrams.readable.pipeTo(datagrams.createWritable()).catch(() => {});
    },
  },
});

// A client that tells a position a hundred times a second. What is lost stays lost: the next one is newer.
const session = new WebTransport(`https://localhost:${server.address.port}/`, {
  serverCertificateHashes: [{ algorithm: "sha-256", value: certificate.sha256 }],
});
await session.ready;
const { datagrams } = session;
datagrams.outgoingMaxAge = 100; // milliseconds; what could not leave by then is of no use any more
const back = new Set<number>();
const reading = (async () => {
  for await (const datagram of datagrams.readable) {
    back.add(datagram[0] as number);
    if (back.size === 10) return;
  }
})();
const writer = datagrams.createWritable().getWriter();
for (let position = 0; back.size < 10; position++) {
  await writer.write(Uint8Array.of(position));
  await sleep(10);
}
await reading;
console.log(`${back.size} positions came back`);
session.close();
await server.close();
