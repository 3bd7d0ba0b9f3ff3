import { generateCertificate, listen, WebTransport } from "@moqingbird/transport";

// A server that takes sessions at /echo, sends every stream back, and answers GET /health.
const certificate = await generateCertificate({ names: ["localhost"] });
const listener = await listen({
  certificate,
  webTransport: {
    onRequest: (request) => {
      if (request.url.pathname === "/echo") void echo(request.accept());
      else request.reject(404);
    },
  },
  fetch: () => new Response("ok\n"),
});

async function echo(session: WebTransport): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {}); // a client may leave before it has acknowledged everything
  }
}

// A client, as in a browser.
const session = new WebTransport(`https://localhost:${listener.address.port}/echo`, {
  serverCertificateHashes: [{ algorithm: "sha-256", value: certificate.sha256 }],
});
await session.ready;
const { readable, writable } = await session.createBidirectionalStream();
const writer = writable.getWriter();
await writer.write(new TextEncoder().encode("hello over WebTransport"));
await writer.close();
for await (const chunk of readable) console.log(new TextDecoder().decode(chunk));

session.close({ closeCode: 0, reason: "done" });
await listener.close();
