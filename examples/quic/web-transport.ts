import { generateCertificate, listen, WebTransport } from "@moqingbird/transport";

// A server: sessions at /chat, everybody else gets status 404. Whatever comes in goes back, with a greeting.
const certificate = await generateCertificate({ names: ["localhost"] });
const server = await listen({
  certificate,
  webTransport: {
    onRequest: (request) => {
      if (request.url.pathname !== "/chat") return request.reject(404);
      void greet(request.accept(), request.url.searchParams.get("name") ?? "stranger");
    },
  },
});

async function greet(session: WebTransport, name: string): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    const text = await new Response(readable as ReadableStream<Uint8Array>).text();
    const writer = writable.getWriter();
    await writer.write(new TextEncoder().encode(`Hello ${name}, you said ${text}`));
    void writer.close().catch(() => {}); // the client may leave before it has acknowledged everything
  }
}

// A client: the class of browsers. With this line, libraries that were written for browsers run too.
Object.assign(globalThis, { WebTransport });
const session = new WebTransport(`https://localhost:${server.address.port}/chat?name=Ada`, {
  serverCertificateHashes: [{ algorithm: "sha-256", value: certificate.sha256 }],
});
await session.ready;
const { readable, writable } = await session.createBidirectionalStream();
const writer = writable.getWriter();
await writer.write(new TextEncoder().encode("good morning"));
await writer.close();
for await (const chunk of readable) console.log(new TextDecoder().decode(chunk));
session.close({ closeCode: 0, reason: "done" });
await server.close();
