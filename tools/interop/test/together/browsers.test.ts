/** Browsers against our WebTransport server: their own class on one side, ours on the other, the certificate pinned. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BlankPage } from "../../src/browsers/browser.ts";
import { type EchoServer, startEchoServer } from "../../src/browsers/echo-server.ts";
import {
  beClosed,
  beRefused,
  close,
  echoBothWays,
  echoDatagrams,
  echoOneWay,
  openSession,
  readOpened,
  refuse,
} from "../../src/browsers/page.ts";

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(async () => {
  await server?.listener.close();
});

describe.each(["Chromium", "Firefox"] as const)("%s", (name) => {
  let browser: BlankPage;
  const at = (path: string) => ({ url: server.url(path), hash: server.certificateHash });

  beforeAll(async () => {
    browser = await BlankPage.open(name);
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
  });

  test("opens a session and agrees on a protocol", async () => {
    const asked = { ...at("/idle?x=1"), protocols: ["a-1", "b-2"] };
    expect(await browser.page.evaluate(openSession, asked)).toEqual({
      ready: true,
      closed: "resolved",
      protocol: name === "Chromium" ? "a-1" : "none", // Firefox knows no protocols
      source: "",
    });
    const request = server.requests.at(-1)!;
    expect(request.url.href).toBe(server.url("/idle?x=1"));
    expect(request.origin).toBe(browser.origin);
    expect(request.protocols).toEqual(name === "Chromium" ? ["a-1", "b-2"] : []);
  });

  test("hears of a refusal, and does not believe another certificate", async () => {
    const refused = { ready: false, closed: "rejected", protocol: "", source: "session" };
    expect(await browser.page.evaluate(openSession, at("/reject"))).toEqual(refused);
    const [first = 0, ...rest] = server.certificateHash;
    const other = { url: server.url("/idle"), hash: [first ^ 1, ...rest] };
    const before = server.requests.length;
    expect(await browser.page.evaluate(openSession, other)).toEqual(refused);
    expect(server.requests).toHaveLength(before);
  });

  test("echoes a large stream both ways", async () => {
    expect(await browser.page.evaluate(echoBothWays, { ...at("/echo"), streams: 1, bytes: 5_000_000 })).toBe(1);
  });

  test("echoes 1000 streams both ways", async () => {
    expect(await browser.page.evaluate(echoBothWays, { ...at("/echo"), streams: 1000, bytes: 1500 })).toBe(1000);
  });

  test("echoes one-way streams", async () => {
    expect(await browser.page.evaluate(echoOneWay, { ...at("/echo"), streams: 100, bytes: 20_000 })).toBe(100);
  });

  test("echoes datagrams", async () => {
    const { back, maxDatagramSize } = await browser.page.evaluate(echoDatagrams, {
      ...at("/echo"),
      count: 50,
      bytes: 1000,
    });
    expect(back).toBe(50);
    expect(maxDatagramSize).toBeGreaterThan(1000);
  });

  test("takes streams that the server opens", async () => {
    expect(await browser.page.evaluate(readOpened, at("/open"))).toEqual(["from the server", "from the server"]);
  });

  test("is told code and words of the server's close", async () => {
    const outcomes = await browser.page.evaluate(beClosed, { ...at("/close"), sessions: 30 });
    expect(outcomes.pop()).toEqual({ closeCode: 7, reason: "so long" });
    expect(new Set(outcomes)).toEqual(new Set(outcomes.length > 0 ? ["Connection lost."] : []));
  });

  test("tells code and words of its own close", async () => {
    await browser.page.evaluate(close, at("/idle"));
    expect(await server.sessions.at(-1)!.closed).toEqual({ closeCode: 4_000_000_000, reason: "ciao, Vögel" });
  });

  test("is told codes of reset and stop", async () => {
    const outcomes = await browser.page.evaluate(beRefused, { ...at("/codes"), streams: 200 });
    expect(outcomes.pop()).toEqual({ reset: 41, stop: 42 });
    // Where the reset is seen first, the browser ends the other direction by itself and names no code.
    const noCode = expect.stringMatching(/^(NetworkError|AbortError)$/);
    for (const outcome of outcomes) expect(outcome).toEqual({ reset: 41, stop: noCode });
  });

  test("tells codes of its own resets and stops", async () => {
    const count = server.sessions.length;
    const refusing = browser.page.evaluate(refuse, at("/idle"));
    const session = await server.session(count);
    const { value } = await session.incomingBidirectionalStreams.getReader().read();
    const { readable, writable } = value!;
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    await reader.read();
    await writer.write(Uint8Array.of(1));
    await expect(reader.read()).rejects.toMatchObject({ source: "stream", streamErrorCode: 51 });
    const stopped = expect(writer.closed).rejects.toMatchObject(
      // Firefox says nothing when a stream is cancelled: the end of the session is what ends it.
      name === "Firefox" ? { source: "session", streamErrorCode: null } : { source: "stream", streamErrorCode: 52 },
    );
    if (name === "Chromium") await stopped;
    session.close();
    await stopped;
    await refusing;
  });
});
