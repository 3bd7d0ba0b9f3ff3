import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, connect as tcpConnect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type ConnectWebTransportOptions, connectWebTransport } from "../../src/comfort/connect-web-transport.ts";
import type { SessionRequest } from "../../src/index.ts";
import { certificate } from "../support/pair.ts";
import { closeSockets, socketServer } from "../websocket/support.ts";

const undo: (() => void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0)) step();
  await closeSockets();
});

/** Forever, if only WebTransport is wanted. */
async function serve(onRequest?: (request: SessionRequest) => void) {
  const { sha256 } = await certificate();
  const server = await socketServer({
    ...(onRequest && { onRequest }),
    fetch: (request) =>
      new URL(request.url).pathname === "/certificate.sha256"
        ? new Response(`${Buffer.from(sha256).toString("hex")}\n`)
        : new Response("?", { status: 404 }),
  });
  return { server, trust: { sha256: [sha256] }, port: server.listener.address.port };
}

/** A TCP port whose bytes go to another, and nothing of QUIC at its UDP twin. */
async function tcpOnly(port: number): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    const onward = tcpConnect(port, "127.0.0.1");
    socket.on("error", () => onward.destroy()).pipe(onward);
    onward.on("error", () => socket.destroy()).pipe(socket);
    undo.push(() => socket.destroy());
  });
  undo.push(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

async function reached(url: string, options: ConnectWebTransportOptions): Promise<string> {
  const session = await connectWebTransport(url, options);
  const { reliability } = session;
  session.close();
  await session.closed;
  return reliability;
}

test("https: becomes HTTP/3 where that gets through, with the protocol and the answer's headers", async () => {
  const { trust, port } = await serve((request) => {
    request.accept({ protocol: "chat", headers: { "x-over": request.over } });
  });
  const session = await connectWebTransport(`https://127.0.0.1:${port}/room`, { trust, protocols: ["chat"] });
  expect(session.reliability).toBe("supports-unreliable");
  expect(session.protocol).toBe("chat");
  expect(session.responseHeaders?.get("x-over")).toBe("http3");
  session.close();
});

test("where UDP packets vanish, a WebSocket is used after the head start", async () => {
  const { trust, port } = await serve();
  const blocked = await tcpOnly(port);
  const silent = createSocket("udp4").bind(blocked.port, "127.0.0.1");
  undo.push(() => silent.close());
  await once(silent, "listening");
  const url = `https://127.0.0.1:${blocked.port}/`;
  expect(await reached(url, { trust, headStartMs: 20 })).toBe("reliable-only");
  await expect(
    connectWebTransport(url, { trust, headStartMs: Number.POSITIVE_INFINITY, timeoutMs: 100 }),
  ).rejects.toMatchObject({ code: "handshake-timeout" });
});

test("where UDP is refused, a WebSocket is used at once", async () => {
  const { trust, port } = await serve();
  const { port: only } = await tcpOnly(port);
  expect(await reached(`https://127.0.0.1:${only}/`, { trust, headStartMs: 60_000 })).toBe("reliable-only");
});

test("wss: and ws: are a WebSocket even where HTTP/3 gets through", async () => {
  const { trust, port } = await serve();
  expect(await reached(`wss://127.0.0.1:${port}/`, { trust })).toBe("reliable-only");
  expect(await reached(`ws://127.0.0.1:${port}/`, {})).toBe("reliable-only");
});

test("http: pins the certificate that the server tells, over both ways", async () => {
  const { port } = await serve();
  expect(await reached(`http://127.0.0.1:${port}/room?x=1`, {})).toBe("supports-unreliable");
  const { port: only } = await tcpOnly(port);
  expect(await reached(`http://127.0.0.1:${only}/`, {})).toBe("reliable-only");
  const wrong = { trust: { sha256: [new Uint8Array(32)] } };
  await expect(connectWebTransport(`http://127.0.0.1:${port}/`, wrong)).rejects.toMatchObject({
    code: "certificate-untrusted",
  });
});

test("a refusal is not asked for a second time over a WebSocket", async () => {
  const asked: string[] = [];
  const { trust, port } = await serve((request) => {
    asked.push(request.over);
    request.reject(403);
  });
  await expect(connectWebTransport(`https://127.0.0.1:${port}/`, { trust })).rejects.toMatchObject({ status: 403 });
  expect(asked).toEqual(["http3"]);
});

test("URLs and options that make no sense are refused before anything is sent", async () => {
  const failure = (url: string, options = {}) => connectWebTransport(url, options).catch((error: Error) => error);
  expect(await failure("nonsense")).toMatchObject({ code: "option-invalid" });
  expect(await failure("ftp://127.0.0.1/")).toMatchObject({ code: "option-invalid" });
  expect(await failure("https://127.0.0.1/", { headStartMs: -1 })).toMatchObject({ code: "option-invalid" });
  expect(await failure("https://127.0.0.1/#part")).toMatchObject({ name: "SyntaxError" });
  const stopped = { signal: AbortSignal.abort(new Error("enough")) };
  expect(await failure("https://127.0.0.1/", stopped)).toMatchObject({ message: "enough" });
});
