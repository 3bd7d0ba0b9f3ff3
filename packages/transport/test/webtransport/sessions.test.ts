import {
  ByteReader,
  ByteWriter,
  type Connection,
  SessionRejectedError,
  WebTransport,
  WebTransportError,
} from "@moqingbird/transport";
import { afterEach, describe, expect, test } from "vitest";
import {
  certificate,
  closeAll,
  echo,
  exchange,
  Inbox,
  client as rawClient,
  listener as rawListener,
} from "../support/pair.ts";
import { all, closeWeb, dialled, next, send, sessionPair, text, web } from "../support/web.ts";

afterEach(async () => {
  await closeWeb();
  await closeAll();
});

describe("asking for a session", () => {
  test("the server sees URL, headers, protocols and where it comes from; the client what was chosen", async () => {
    const served = await web({
      onRequest: (request) => {
        request.accept({ protocol: "b-2", headers: { "x-answer": "yes" } });
      },
    });
    const session = await dialled(served.url("/room?x=1"), {
      protocols: ["a-1", "b-2"],
      headers: { authorization: "Bearer t", origin: "https://example.com" },
    });
    expect(session.reliability).toBe("pending");
    expect(session.protocol).toBe("");
    await session.ready;
    const request = await served.requests.next();
    expect(request.url.href).toBe(served.url("/room?x=1"));
    expect(request.headers.get("authorization")).toBe("Bearer t");
    expect(request.headers.get("sec-webtransport-http3-draft02")).toBe("1");
    expect(request.origin).toBe("https://example.com");
    expect(request.protocols).toEqual(["a-1", "b-2"]);
    expect(request.remoteAddress.address).toBe("127.0.0.1");
    expect(session.protocol).toBe("b-2");
    expect(session.reliability).toBe("supports-unreliable");
    expect(session.responseHeaders?.get("x-answer")).toBe("yes");
    expect(session.responseHeaders?.get("sec-webtransport-http3-draft")).toBe("draft02");
  });

  test("a refusal carries the status and the headers", async () => {
    const served = await web({ onRequest: (request) => request.reject(429, { headers: { "retry-after": "3" } }) });
    const session = await dialled(served.url());
    const error = await rejection(session.ready);
    expect(error).toBeInstanceOf(WebTransportError);
    expect(error).toMatchObject({ source: "session", streamErrorCode: null });
    expect(await rejection(session.closed)).toBe(error);
    const cause = error.cause as SessionRejectedError;
    expect(cause).toBeInstanceOf(SessionRejectedError);
    expect(cause).toMatchObject({ code: "session-rejected", status: 429 });
    expect(cause.headers.get("retry-after")).toBe("3");
    expect(error.message).toContain("refused the session with HTTP status 429: it is busy; try again later.");
  });

  test.each([
    [
      "a handler that throws",
      500,
      {
        onRequest: () => {
          throw new Error("broken on purpose");
        },
      },
    ],
    [
      "a handler that rejects",
      500,
      {
        onRequest: async () => {
          throw new Error("broken on purpose");
        },
      },
    ],
    ["no answer in time", 503, { onRequest: () => {}, answerTimeoutMs: 50 }],
    ["an origin that is not on the list", 403, { origins: ["https://good.example"] }],
    ["a listener without WebTransport", 405, { listen: { webTransport: undefined, fetch: () => new Response() } }],
  ])("%s is status %i", async (_, status, options) => {
    const warnings = new Inbox<Error>();
    const heard = (warning: Error) => warnings.put(warning);
    process.on("warning", heard);
    const served = await web(options as Parameters<typeof web>[0]);
    const session = await dialled(served.url(), { headers: { origin: "https://evil.example" } });
    expect((await rejection(session.ready)).cause).toMatchObject({ code: "session-rejected", status });
    if (status === 500) expect((await warnings.next()).message).toContain("broken on purpose");
    process.off("warning", heard);
  });

  test("an origin on the list is taken, and so is a client without one", async () => {
    const served = await web({ origins: ["https://good.example"] });
    await (await dialled(served.url(), { headers: { origin: "https://good.example" } })).ready;
    await (await dialled(served.url())).ready;
  });

  test("a server without HTTP/3 says so in the handshake", async () => {
    const raw = await rawListener();
    const session = await dialled(`https://127.0.0.1:${raw.address.port}/`);
    expect((await rejection(session.ready)).cause).toMatchObject({ code: "no-common-alpn" });
  });

  test("another certificate than the pinned one is not believed", async () => {
    const served = await web();
    const value = new Uint8Array(32);
    const session = new WebTransport(served.url(), { serverCertificateHashes: [{ algorithm: "sha-256", value }] });
    expect((await rejection(session.ready)).cause).toMatchObject({ code: "certificate-untrusted" });
    await rejection(session.closed);
  });

  test("a client that gives up is told to whoever has not answered yet", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const served = await web({ onRequest: (request) => asked.resolve(request.signal) });
    const session = await dialled(served.url());
    const signal = await asked.promise;
    const gone = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    session.close();
    expect((await rejection(session.ready)).cause).toMatchObject({ code: "closed" });
    await gone;
    const request = await served.requests.next();
    expect(() => request.accept()).toThrow(expect.objectContaining({ code: "closed" }));
    request.reject();
  });

  test("a protocol that was not offered cannot be chosen", async () => {
    const served = await web({ onRequest: (request) => void request.accept({ protocol: "other" }) });
    const session = await dialled(served.url(), { protocols: ["mine"] });
    expect((await rejection(session.ready)).cause).toMatchObject({ status: 500 });
  });

  test.each([
    ["http://localhost/", {}, "SyntaxError"],
    ["https://localhost/#part", {}, "SyntaxError"],
    ["nonsense", {}, "SyntaxError"],
    ["https://localhost/", { protocols: ["a", "a"] }, "SyntaxError"],
    ["https://localhost/", { protocols: [""] }, "SyntaxError"],
    [
      "https://localhost/",
      { allowPooling: true, serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(32) }] },
      "NotSupportedError",
    ],
  ])("%s with %j throws a %s at once", (url, options, name) => {
    expect(() => new WebTransport(url, options)).toThrow(expect.objectContaining({ name }));
  });
});

describe("the end of a session", () => {
  test.each(["client", "server"] as const)("code and words of the %s reach the other side", async (closer) => {
    const pair = await sessionPair();
    const other = closer === "client" ? pair.server : pair.client;
    pair[closer].close({ closeCode: 0xffff_ffff, reason: "bye, Vögel" });
    const info = { closeCode: 0xffff_ffff, reason: "bye, Vögel" };
    expect(await other.closed).toEqual(info);
    expect(await pair[closer].closed).toEqual(info);
    await expect(other.createUnidirectionalStream()).rejects.toMatchObject({ name: "InvalidStateError" });
    await expect(other.incomingUnidirectionalStreams.getReader().read()).resolves.toMatchObject({ done: true });
  });

  test("the listener's close ends every session with its code and words", async () => {
    const { client, web: served } = await sessionPair();
    await served.listener.close({ code: 9, reason: "restart" });
    expect(await client.closed).toEqual({ closeCode: 9, reason: "restart" });
  });

  test("a client's connection ends with its session", async () => {
    const { client, web: served } = await sessionPair();
    const [connection] = served.listener.connections as Set<Connection>;
    client.close();
    expect(await connection!.closed).toMatchObject({ by: "peer-application", code: 0x100n });
  });

  test("an abort signal closes the session", async () => {
    const controller = new AbortController();
    const served = await web();
    const session = await dialled(served.url(), { signal: controller.signal });
    await session.ready;
    controller.abort();
    expect(await session.closed).toEqual({ closeCode: 0, reason: "aborted" });
    expect(await (await served.sessions.next()).closed).toEqual({ closeCode: 0, reason: "aborted" });
  });

  test("a peer that falls silent is an error of the session", async () => {
    const served = await web({ listen: { transport: { idleTimeoutMs: 300, keepAliveMs: 0 } } });
    const session = await dialled(served.url(), { transport: { keepAliveMs: 0 } });
    await session.ready;
    const error = await rejection(session.closed);
    expect(error).toMatchObject({ name: "WebTransportError", source: "session" });
    expect(error.cause).toMatchObject({ code: "idle-timeout" });
  });

  test("a server may ask to come to an end, and both go on until they do", async () => {
    const { client, server } = await sessionPair();
    server.drain();
    await client.draining;
    await send(await client.createUnidirectionalStream(), "still here");
    expect(text(await all(await next(server.incomingUnidirectionalStreams)))).toBe("still here");
  });

  test.each([-1, 2 ** 32, 1.5])("%d is no close code", async (closeCode) => {
    const { client } = await sessionPair();
    expect(() => client.close({ closeCode })).toThrow(TypeError);
  });
});

describe("one port", () => {
  test("raw QUIC and WebTransport share it", async () => {
    const served = await web({
      listen: {
        alpn: ["raw"],
        onConnection: (connection) => {
          connection.handler = echo();
        },
      },
    });
    const raw = await rawClient(served.listener, { alpn: ["raw"] });
    expect(raw.protocol).toBe("raw");
    const { writer, reader } = exchange(raw);
    writer.write(new TextEncoder().encode("raw bytes"));
    writer.finish();
    expect(text(await reader.bytes())).toBe("raw bytes");
    await (await dialled(served.url())).ready;
  });
});

describe("byte by byte", () => {
  test("the same session takes sources and sinks, and maps codes", async () => {
    const { client, server } = await sessionPair();
    const near = client.connection!;
    const far = server.connection!;
    expect([near.side, far.side, near.protocol]).toEqual(["client", "server", ""]);
    const readers = new Inbox<ByteReader>();
    far.handler = {
      stream: () => {
        const reader = new ByteReader();
        readers.put(reader);
        return reader;
      },
    };
    const writer = ByteWriter.open(near);
    writer.write(new TextEncoder().encode("no promise per chunk"));
    writer.finish();
    expect(text(await (await readers.next()).bytes())).toBe("no promise per chunk");

    const doomed = ByteWriter.open(near);
    doomed.write(Uint8Array.of(1));
    const reader = await readers.next();
    doomed.reset(77);
    await expect(reader.bytes()).rejects.toMatchObject({
      code: "stream-reset",
      message: expect.stringContaining("77"),
    });

    const unwanted = ByteWriter.open(near);
    unwanted.write(Uint8Array.of(1));
    (await readers.next()).stop(78);
    await expect(unwanted.acknowledged()).rejects.toMatchObject({ message: expect.stringContaining("78") });
  });

  test("its end is told once, with code and words, after every stream", async () => {
    const { client, server } = await sessionPair();
    const told: string[] = [];
    const closed = Promise.withResolvers<void>();
    server.connection!.handler = {
      stream: () => ({ data: () => {}, finished: () => {}, reset: () => {}, closed: () => told.push("stream") }),
      closed: (info) => {
        told.push(`${info.by} ${info.code} ${info.reason}`);
        closed.resolve();
      },
    };
    const writer = ByteWriter.open(client.connection!);
    writer.write(Uint8Array.of(1));
    const outcome = writer.acknowledged().catch((error) => error.code);
    client.connection!.close({ code: 5n, reason: "done" });
    client.connection!.close({ code: 6n });
    await closed.promise;
    expect(told.at(-1)).toBe("peer-application 5 done");
    expect(await outcome).toBe("closed");
    expect(await server.connection!.closed).toMatchObject({ by: "peer-application", code: 5n, reason: "done" });
    expect(await client.connection!.closed).toMatchObject({ by: "local", code: 5n, reason: "done" });
    expect(() => ByteWriter.open(client.connection!)).toThrow(expect.objectContaining({ code: "closed" }));
  });
});

test("statistics are those of the connection", async () => {
  const { client, server } = await sessionPair();
  await send(await client.createUnidirectionalStream(), "x".repeat(10_000));
  await all(await next(server.incomingUnidirectionalStreams));
  const stats = await client.getStats();
  expect(stats.bytesSent).toBeGreaterThan(10_000);
  expect(stats.packetsSent).toBeGreaterThan(8);
  expect(stats.packetsReceived).toBeGreaterThan(0);
  expect(stats.smoothedRtt).toBeGreaterThan(0);
});

test("both sides export the same keying material, and each session another", async () => {
  const [one, other] = [await sessionPair(), await sessionPair()];
  const label = new TextEncoder().encode("label");
  const context = new Uint8Array(255);
  const material = await one.client.exportKeyingMaterial(label, context, 100);
  expect(material).toHaveLength(100);
  expect(await one.server.exportKeyingMaterial(label.buffer, context, 100)).toEqual(material);
  for (const [session, words, about] of [
    [other.client, label, context],
    [one.client, new Uint8Array(5), context],
    [one.client, label, new Uint8Array(254)],
  ] as const) {
    expect(await session.exportKeyingMaterial(words, about, 100)).not.toEqual(material);
  }
  await expect(one.client.exportKeyingMaterial(label, new Uint8Array(256), 100)).rejects.toThrow(RangeError);
  await expect(one.client.exportKeyingMaterial(label, context, 8161)).rejects.toThrow(RangeError);
  expect(await one.client.exportKeyingMaterial(label, context, 8160)).toHaveLength(8160);
});

test("`await using` closes the session", async () => {
  const served = await web();
  {
    await using session = await dialled(served.url());
    await session.ready;
  }
  expect(await (await served.sessions.next()).closed).toEqual({ closeCode: 0, reason: "" });
  expect((await certificate()).sha256).toHaveLength(32);
});

/** What a promise rejects with. */
async function rejection(promise: Promise<unknown>): Promise<WebTransportError> {
  try {
    await promise;
  } catch (error) {
    return error as WebTransportError;
  }
  throw new Error("the promise did not reject");
}
