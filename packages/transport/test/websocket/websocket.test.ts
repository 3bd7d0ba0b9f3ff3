import { request as httpRequest } from "node:http";
import { type AddressInfo, createServer, connect as tcpConnect } from "node:net";
import {
  ByteReader,
  ByteWriter,
  certificateFingerprint,
  generateCertificate,
  type IncomingStream,
  listen,
  SessionRejectedError,
  TransportError,
} from "@moqingbird/transport";
import { afterEach, describe, expect, test } from "vitest";
import { certificate, echo, exchange, Inbox, pattern } from "../support/pair.ts";
import { all, next, send, text } from "../support/web.ts";
import { closeSockets, socketClient, socketServer } from "./support.ts";

afterEach(closeSockets);

/** A request over plain HTTP with header fields that `fetch` would not send. */
function raw(
  port: number,
  headers: Record<string, string>,
  path = "/",
): Promise<{ status: number; upgraded: boolean }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path, headers });
    request.on("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, upgraded: false });
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, upgraded: true });
    });
    request.on("error", reject);
    request.end();
  });
}

const upgradeFields = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TransportError) return error.code;
    throw error;
  }
  return "none";
}

describe.each(["qmux-02", "qmux-01", "qmux-00"] as const)("%s over TLS and without", (draft) => {
  test("bytes go there and back, and acknowledgements come", async () => {
    const server = await socketServer({ serve: echo });
    for (const scheme of ["wss", "ws"] as const) {
      const client = await socketClient(server.url(scheme), { drafts: [draft] });
      expect(client.protocol).toBe("test");
      const { writer, reader } = exchange(client);
      const sent = pattern(1_000_000);
      void (async () => {
        for (let at = 0; at < sent.length; at += 50_000) {
          if (!writer.write(sent.subarray(at, at + 50_000))) await writer.drained();
        }
        writer.finish();
      })();
      expect(Buffer.compare(await reader.bytes(), sent)).toBe(0);
      await writer.acknowledged();
      expect(client.stats().rttMicros).toBeGreaterThan(0);
    }
  });
});

test("without a subprotocol the older wire is spoken", async () => {
  const server = await socketServer({ serve: echo });
  const client = await socketClient(server.url("ws"), { protocols: [], drafts: [] });
  expect(client.protocol).toBe("");
  expect(client.maxDatagramSize).toBe(0);
  const { writer, reader } = exchange(client);
  writer.write(pattern(100_000));
  writer.finish();
  expect(Buffer.compare(await reader.bytes(), pattern(100_000))).toBe(0);
});

test("a client that offers no subprotocol at all is taken as one of the older wire", async () => {
  const server = await socketServer();
  expect(await raw(server.listener.address.port, upgradeFields)).toEqual({ status: 101, upgraded: true });
  expect((await server.sessions.next()).protocol).toBe("");
});

test("a thousand streams each way, and datagrams", async () => {
  const got = new Inbox<number>();
  const server = await socketServer({
    serve: (connection) => ({
      ...echo(),
      datagram: (bytes, start, end) => connection.sendDatagram(bytes.slice(start, end)),
    }),
  });
  const client = await socketClient(server.url());
  client.handler = { datagram: (_, start, end) => got.put(end - start) };
  const answers = Array.from({ length: 1000 }, async (_, i) => {
    const { writer, reader } = exchange(client);
    writer.write(pattern(i + 1, i + 1));
    writer.finish();
    return Buffer.compare(await reader.bytes(), pattern(i + 1, i + 1));
  });
  expect(client.sendDatagram(pattern(1000))).toBe(true);
  expect(await got.next()).toBe(1000);
  expect((await Promise.all(answers)).every((order) => order === 0)).toBe(true);
});

test("reset and stop codes cross, and so do close codes and words, both ways", async () => {
  const told = new Inbox<string>();
  const streams = new Inbox<IncomingStream>();
  const server = await socketServer({
    serve: () => ({
      stream: (stream) => {
        streams.put(stream);
        return { data: () => {}, finished: () => {}, reset: (code) => told.put(`reset ${code}`) };
      },
    }),
  });
  const client = await socketClient(server.url());
  const writer = ByteWriter.open(client);
  writer.write(Uint8Array.of(1));
  await streams.next();
  writer.reset(2n ** 40n);
  expect(await told.next()).toBe(`reset ${2n ** 40n}`);
  const second = ByteWriter.open(client);
  second.write(Uint8Array.of(1));
  (await streams.next()).stop(77);
  await expect(second.acknowledged()).rejects.toThrow("code 77");

  const session = await server.sessions.next();
  client.close({ code: 9, reason: "enough" });
  expect(await session.closed).toEqual({ closeCode: 9, reason: "enough" });
  const other = await socketClient(server.url());
  (await server.sessions.next()).close({ closeCode: 8, reason: "closing time" });
  expect(await other.closed).toMatchObject({ by: "peer-application", code: 8n, reason: "closing time" });
});

test("what the server's side gets is a WebTransport like any other", async () => {
  const server = await socketServer();
  const client = await socketClient(server.url("wss", "/room?x=1"), { headers: { authorization: "Bearer t" } });
  const streams = new Inbox<ByteReader>();
  client.handler = {
    stream: () => {
      const reader = new ByteReader();
      streams.put(reader);
      return reader;
    },
  };
  const request = await server.requests.next();
  expect(request).toMatchObject({ over: "websocket", protocols: ["test"], origin: undefined });
  expect(request.url.href).toBe(server.url("https", "/room?x=1"));
  expect(request.headers.get("authorization")).toBe("Bearer t");
  expect(request.remoteAddress).toEqual(client.localAddress);
  const session = await server.sessions.next();
  expect(session.reliability).toBe("reliable-only");
  expect(session.protocol).toBe("test");
  await send(await session.createUnidirectionalStream(), "hello");
  expect(text(await (await streams.next()).bytes())).toBe("hello");
  const { writer, reader } = exchange(client);
  writer.write(new TextEncoder().encode("ping"));
  writer.finish();
  const both = await next(session.incomingBidirectionalStreams);
  expect(text(await all(both.readable))).toBe("ping");
  await send(both.writable, "pong");
  expect(text(await reader.bytes())).toBe("pong");
  expect((await session.getStats()).bytesReceived).toBeGreaterThan(0);
});

test("the listener's close ends every session with code and words, and frees both ports", async () => {
  const server = await socketServer();
  const clients = await Promise.all([1, 2, 3].map(() => socketClient(server.url())));
  expect(server.listener.connections.size).toBe(3);
  const { port } = server.listener.address;
  await server.listener.close({ code: 5, reason: "going down" });
  for (const client of clients) expect(await client.closed).toMatchObject({ code: 5n, reason: "going down" });
  const again = await socketServer({ port });
  expect(again.listener.address.port).toBe(port);
});

test("the TCP port has the number of the UDP port; if that is taken, listening fails", async () => {
  const server = await socketServer();
  const { port } = server.listener.address;
  await server.listener.close();
  const blocker = await socketServer({ port });
  expect(await codeOf(socketServer({ port, host: "127.0.0.1" }))).toBe("address-in-use");
  await blocker.listener.close();
});

describe("who is refused", () => {
  test("who offers only what nobody speaks: 400", async () => {
    const server = await socketServer();
    const fields = { ...upgradeFields, "sec-websocket-protocol": "chat, soap" };
    expect(await raw(server.listener.address.port, fields)).toEqual({ status: 400, upgraded: false });
  });

  test.each([
    ["another version of WebSocket", { "sec-websocket-version": "8" }],
    ["a key that is none", { "sec-websocket-key": "short" }],
    ["an upgrade to something else", { upgrade: "h2c" }],
  ])("%s: 400", async (_, fields) => {
    const server = await socketServer();
    expect((await raw(server.listener.address.port, { ...upgradeFields, ...fields })).status).toBe(400);
  });

  test("an origin that is not on the list: 403; on the list, or none: taken", async () => {
    const server = await socketServer({ origins: ["https://good.example"] });
    const { port } = server.listener.address;
    expect((await raw(port, { ...upgradeFields, origin: "https://evil.example" })).status).toBe(403);
    expect((await raw(port, { ...upgradeFields, origin: "https://good.example" })).status).toBe(101);
    expect((await raw(port, upgradeFields)).status).toBe(101);
  });

  test("whom the program rejects: its status and its headers", async () => {
    const server = await socketServer({
      onRequest: (request) => request.reject(401, { headers: { "www-authenticate": "Bearer" } }),
    });
    const error = await socketClient(server.url()).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(SessionRejectedError);
    expect(error).toMatchObject({ status: 401 });
    expect((error as SessionRejectedError).headers.get("www-authenticate")).toBe("Bearer");
  });

  test("a request that is not answered in time: 503; one whose handler throws: 500", async () => {
    const slow = await socketServer({ onRequest: () => {}, answerTimeoutMs: 20 });
    await expect(socketClient(slow.url())).rejects.toMatchObject({ status: 503 });
    const broken = await socketServer({
      onRequest: () => {
        throw new Error("no");
      },
    });
    await expect(socketClient(broken.url())).rejects.toMatchObject({ status: 500 });
  });

  test("a protocol that was not offered cannot be chosen", async () => {
    const told = new Inbox<unknown>();
    const server = await socketServer({
      onRequest: (request) => {
        try {
          request.accept({ protocol: "other" });
        } catch (error) {
          told.put(error);
          request.reject(400);
        }
      },
    });
    await expect(socketClient(server.url())).rejects.toMatchObject({ status: 400 });
    expect(await told.next()).toMatchObject({ code: "option-invalid" });
  });

  test("more sessions than an address may have: 429, and room again when one ends", async () => {
    const server = await socketServer({ webSocket: { maxSessionsPerAddress: 2 } });
    const first = await socketClient(server.url());
    await socketClient(server.url());
    await expect(socketClient(server.url())).rejects.toMatchObject({ status: 429 });
    first.close();
    const session = await server.sessions.next();
    await session.closed;
    await socketClient(server.url());
  });

  test("addresses behind a proxy we trust are told apart, others' claims are not believed", async () => {
    const behind = await socketServer({ webSocket: { trustedProxies: ["127.0.0.0/8"] } });
    await socketClient(behind.url(), { headers: { "x-forwarded-for": "203.0.113.9, 198.51.100.7, 127.0.0.5" } });
    expect((await behind.requests.next()).remoteAddress.address).toBe("198.51.100.7");
    const open = await socketServer();
    await socketClient(open.url(), { headers: { "x-forwarded-for": "203.0.113.9" } });
    expect((await open.requests.next()).remoteAddress.address).toBe("127.0.0.1");
    await expect(socketServer({ webSocket: { trustedProxies: ["proxy.example"] } })).rejects.toThrow("trustedProxies");
  });
});

describe("plain requests", () => {
  test("are answered over HTTPS and HTTP on the same port", async () => {
    const server = await socketServer({
      fetch: (request) => new Response(`you asked for ${new URL(request.url).pathname}`),
    });
    const response = await fetch(server.url("http", "/health"));
    expect(await response.text()).toBe("you asked for /health");
    expect((await fetch(server.url("http", "/"), { method: "POST" })).status).toBe(405);
    const head = await fetch(server.url("http", "/"), { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("a handler that throws is status 500, none is 404", async () => {
    const broken = await socketServer({
      fetch: () => {
        throw new Error("no");
      },
    });
    expect((await fetch(broken.url("http"))).status).toBe(500);
    const none = await socketServer();
    expect((await fetch(none.url("http"))).status).toBe(404);
  });

  test("`plain: false` takes TLS only", async () => {
    const server = await socketServer({ webSocket: { plain: false }, serve: echo });
    expect((await socketClient(server.url("wss"))).protocol).toBe("test");
    expect(await codeOf(socketClient(server.url("ws")))).toBe("connection-lost");
  });

  test("who connects and hangs up, or sends nonsense, disturbs nobody", async () => {
    const server = await socketServer({ serve: echo });
    const { port } = server.listener.address;
    for (const bytes of ["", "\u0000\u0000\u0000", "\u0016\u0003\u0001garbage", "GET"]) {
      await new Promise<void>((resolve) => {
        const socket = tcpConnect(port, "127.0.0.1", () => socket.end(bytes, "latin1"));
        socket.resume();
        socket.on("error", () => {});
        socket.on("close", () => resolve());
      });
    }
    expect((await socketClient(server.url())).protocol).toBe("test");
  });
});

describe("a client is told", () => {
  test("that the certificate is another than the pinned one, before it sends its request", async () => {
    const server = await socketServer();
    const other = await generateCertificate();
    const attempt = socketClient(server.url("wss", "/?token=secret"), { trust: { sha256: [other.sha256] } });
    expect(await codeOf(attempt)).toBe("certificate-untrusted");
    expect(await codeOf(socketClient(server.url(), { trust: "system" }))).toBe("certificate-untrusted");
    await socketClient(server.url(), { trust: "none" });
    expect((await server.requests.next()).url.search).toBe(""); // the first request there was
  });

  test("that nothing listens, that the name is unknown, and that nobody answers", async () => {
    const server = await socketServer();
    const url = server.url();
    await server.listener.close();
    expect(await codeOf(socketClient(url))).toBe("connection-refused");
    expect(await codeOf(socketClient("wss://nowhere.invalid/"))).toBe("host-not-found");
    const silent = await socketServer({ onRequest: () => {} });
    expect(await codeOf(socketClient(silent.url(), { timeoutMs: 100 }))).toBe("handshake-timeout");
    expect(await codeOf(socketClient("ftp://localhost/"))).toBe("option-invalid");
    const abort = new AbortController();
    const aborted = socketClient(silent.url(), { signal: abort.signal });
    abort.abort(new Error("changed my mind"));
    await expect(aborted).rejects.toThrow("changed my mind");
  });

  test("that a connection broke", async () => {
    const server = await socketServer();
    let cut = () => {};
    const path = createServer((socket) => {
      const onward = tcpConnect(server.listener.address.port, "127.0.0.1");
      socket
        .on("error", () => {})
        .pipe(onward)
        .pipe(socket);
      onward.on("error", () => {});
      cut = () => socket.resetAndDestroy();
    });
    await new Promise<void>((resolve) => path.listen(0, "127.0.0.1", resolve));
    const client = await socketClient(`wss://127.0.0.1:${(path.address() as AddressInfo).port}/`);
    cut();
    expect(await client.closed).toMatchObject({ by: "reset", error: { code: "connection-lost" } });
    path.close();
  });
});

test("a new certificate serves new connections of both ports", async () => {
  const server = await socketServer();
  const before = await socketClient(server.url());
  const fresh = await generateCertificate();
  server.listener.setCertificate(fresh);
  expect(await codeOf(socketClient(server.url()))).toBe("certificate-untrusted");
  const after = await socketClient(server.url(), { trust: { sha256: [fresh.sha256] } });
  expect(after.protocol).toBe("test");
  expect(before.stats().sentPackets).toBeGreaterThan(0);
  expect(certificateFingerprint((await certificate()).chain)).toEqual((await certificate()).sha256);
});

test("a listener for WebSocket alone needs no sessions: requests are answered, upgrades are not", async () => {
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await certificate(),
    alpn: ["test"],
    webSocket: true,
    fetch: () => new Response("ok"),
  });
  const { port } = listener.address;
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("ok");
  expect((await raw(port, upgradeFields)).status).toBe(404);
  await listener.close();
});
