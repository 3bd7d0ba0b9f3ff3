/** What one client, and one address, may have of the TCP port. Each limit on both sides of its edge. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { networkOf } from "../../src/websocket/address-counts.ts";
import { closeSockets, socketClient, socketServer } from "./support.ts";

const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await closeSockets();
});

/** A TCP connection that is up, and what comes on it until its end. */
async function dial(port: number): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk) => (text += chunk));
  const answer = once(socket, "close").then(() => text);
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, answer };
}

/** Sends a request for the root with one more header field of so many bytes. */
async function requested(port: number, fieldBytes: number): Promise<string> {
  const { socket, answer } = await dial(port);
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${"x".repeat(fieldBytes)}\r\n\r\n`);
  return (await answer).slice(0, 12);
}

const fetchOk = { fetch: () => new Response("ok") };

test.each([
  ["in all", { maxConnections: 2 }],
  ["of one address", { maxConnectionsPerAddress: 2 }],
])(
  "TCP connections %s above the limit are closed at once, and taken again when there is room",
  async (_, webSocket) => {
    const { listener } = await socketServer({ webSocket, ...fetchOk });
    const { port } = listener.address;
    const first = await dial(port);
    await dial(port);
    expect(await (await dial(port)).answer).toBe("");
    first.socket.end();
    await first.answer;
    expect(await requested(port, 10)).toBe("HTTP/1.1 200");
  },
);

test("the TCP connections of a proxy that is trusted have no limit but that of all", async () => {
  const webSocket = { maxConnectionsPerAddress: 1, trustedProxies: ["127.0.0.1"] };
  const { listener } = await socketServer({ webSocket, ...fetchOk });
  await dial(listener.address.port);
  expect(await requested(listener.address.port, 10)).toBe("HTTP/1.1 200");
});

test("behind a proxy sessions count for the address it names, an IPv6 /64 being one", async () => {
  const server = await socketServer({ webSocket: { maxSessionsPerAddress: 1, trustedProxies: ["127.0.0.1"] } });
  const session = (address: string) => socketClient(server.url(), { headers: { "x-forwarded-for": address } });
  await session("2001:db8:1:2::1");
  await expect(session("2001:db8:1:2:ffff::2")).rejects.toMatchObject({ status: 429 });
  await session("2001:db8:1:3::1");
  await session("203.0.113.1");
  await expect(session("203.0.113.1")).rejects.toMatchObject({ status: 429 });
});

test("networks of addresses", () => {
  expect(networkOf("2001:db8:0:2::1")).toBe("2001:db8:0:2");
  expect(networkOf("2001:0db8::")).toBe("2001:db8:0:0");
  expect(networkOf("::1")).toBe("0:0:0:0");
  expect(networkOf("1:2:3:4:5:6:7:8")).toBe("1:2:3:4");
  expect(networkOf("64:ff9b::192.0.2.1")).toBe("64:ff9b:0:0");
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0");
  expect(networkOf("192.0.2.1")).toBe("192.0.2.1");
});

test("the head of a request has 16 KiB, and not more: status 431", async () => {
  const { listener } = await socketServer(fetchOk);
  const { port } = listener.address;
  expect(await requested(port, 16_000)).toBe("HTTP/1.1 200");
  expect(await requested(port, 17_000)).toBe("HTTP/1.1 431");
});

test.each([
  ["says nothing", "", ""],
  ["stops in the middle of its request's head", "GET / HTTP/1.1\r\nHost:", "HTTP/1.1 408"],
  ["stops in the middle of its TLS handshake", "\u0016\u0003\u0001", ""],
])("who %s is let go after the time for it", async (_, said, answered) => {
  const { listener } = await socketServer({ webSocket: { headTimeoutMs: 60 }, ...fetchOk });
  const begun = performance.now();
  const { socket, answer } = await dial(listener.address.port);
  socket.write(said, "latin1");
  expect((await answer).slice(0, 12)).toBe(answered);
  expect(performance.now() - begun).toBeGreaterThan(50);
});

test("an origin that no browser sends is refused in words, before it shuts everybody out", async () => {
  for (const origin of ["example.com", "https://example.com/", "*"]) {
    await expect(socketServer({ origins: [origin] })).rejects.toThrow("is no origin as browsers send it");
  }
});
