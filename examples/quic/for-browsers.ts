import { generateCertificate, listen } from "@moqingbird/transport";

// A server for a browser's console: what a page says comes back in capitals. It ends at Ctrl-C.
const certificate = await generateCertificate({ names: ["localhost", "127.0.0.1"] });
const server = await listen({
  host: "127.0.0.1",
  certificate,
  webSocket: true,
  webTransport: {
    onRequest: async (request) => {
      for await (const { readable, writable } of request.accept().incomingBidirectionalStreams) {
        const capitals = new TransformStream<Uint8Array, Uint8Array>({
          transform: (chunk, controller) =>
            controller.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())),
        });
        readable
          .pipeThrough(capitals)
          .pipeTo(writable)
          .catch(() => {});
      }
    },
  },
  fetch: () => new Response("<!doctype html><title>Console</title>", { headers: { "content-type": "text/html" } }),
});
const { port } = server.address;
console.log(`Open http://127.0.0.1:${port}/ in Chromium or Firefox and paste this into its console:

const session = new WebTransport("https://127.0.0.1:${port}/", {
  serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array([${certificate.sha256.join(", ")}]) }],
});
await session.ready;
const { readable, writable } = await session.createBidirectionalStream();
const writer = writable.getWriter();
await writer.write(new TextEncoder().encode("hello from the page"));
await writer.close();
console.log(await new Response(readable).text());
`);
