import { connectWebTransport, fetchFingerprint, listen, renewCertificate } from "@moqingbird/transport";

// One port number for everybody: WebTransport and HTTP/3 on UDP, WebSocket, HTTPS and HTTP on TCP. The certificate is made anew
// before its 14 days are over; whoever pins it asks for it at /certificate.sha256.
const certificate = await renewCertificate({ names: ["localhost"] });
const server = await listen({
  host: "127.0.0.1",
  certificate,
  webSocket: true,
  webTransport: {
    onRequest: (request) => {
      const session = request.accept({ headers: { "x-over": request.over } });
      void session.closed.catch(() => {});
    },
  },
  fetch: (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return new Response("ok\n");
    if (pathname !== "/certificate.sha256") return new Response("nothing here\n", { status: 404 });
    return new Response(Buffer.from(certificate.certificate.sha256).toString("hex"));
  },
});
const { port } = server.address;
console.log((await (await fetch(`http://127.0.0.1:${port}/health`)).text()).trim());

// HTTP/3 where it gets through, else a WebSocket. An http: URL tells the certificate to pin: for loopback and labs.
const session = await connectWebTransport(`http://127.0.0.1:${port}/`, { headStartMs: 5000 });
console.log(session.responseHeaders?.get("x-over"), session.reliability);
session.close();

// A WebSocket and nothing else, as from a network that blocks UDP.
const sha256 = await fetchFingerprint(`http://127.0.0.1:${port}/`);
const socket = await connectWebTransport(`wss://127.0.0.1:${port}/`, { trust: { sha256: [sha256] } });
console.log(socket.reliability);
socket.close();
await server.close();
certificate.close();
