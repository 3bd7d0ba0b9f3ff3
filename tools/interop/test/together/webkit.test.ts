/** WebKitGTK, in place of Safari: our client in its page, on its WebSocket, against our server. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "../../src/browsers/echo-server.ts";
import {
  beClosed,
  beRefused,
  browserTransport,
  close,
  echoBothWays,
  echoDatagrams,
  echoOneWay,
  openSession,
} from "../../src/browsers/socket-page.ts";
import { WebKitPage } from "../../src/browsers/webkit.ts";

let server: EchoServer;
let page: WebKitPage;
const at = (path: string) => ({ url: `ws://127.0.0.1:${server.listener.address.port}${path}` });

beforeAll(async () => {
  server = await startEchoServer({ webSocket: true });
  page = await WebKitPage.open();
  await page.goto(at("/").url.replace("ws:", "http:"));
  await page.run(await browserTransport());
});

afterAll(async () => {
  await page?.[Symbol.asyncDispose]();
  await server?.listener.close();
});

test("opens a session and agrees on a protocol", async () => {
  expect(await page.call(openSession, { ...at("/idle?x=1"), protocols: ["a-1", "b-2"] })).toBe("a-1");
  const { url, origin, protocols, over } = server.requests.at(-1)!;
  expect([url.pathname + url.search, over, protocols]).toEqual(["/idle?x=1", "websocket", ["a-1", "b-2"]]);
  expect(origin).toBe(`http://127.0.0.1:${server.listener.address.port}`);
});

test("a session that the server rejects is an error", async () => {
  expect(await page.call(openSession, { ...at("/reject"), protocols: ["a-1"] })).toBe("unreachable");
});

test("streams both ways come back: 5 MB, and a thousand", async () => {
  expect(await page.call(echoBothWays, { ...at("/echo"), streams: 5, bytes: 1_000_000 })).toBe(5);
  expect(await page.call(echoBothWays, { ...at("/echo"), streams: 1000, bytes: 200 })).toBe(1000);
});

test("a hundred one-way streams and fifty datagrams come back", async () => {
  expect(await page.call(echoOneWay, { ...at("/echo"), streams: 100, bytes: 2000 })).toBe(100);
  expect(await page.call(echoDatagrams, { ...at("/echo"), count: 50 })).toBe(50);
});

test("codes of resets and stops arrive as they were sent", async () => {
  expect(await page.call(beRefused, at("/codes"))).toEqual({ reset: 41, stop: 42 });
});

test("code and words of a close pass both ways", async () => {
  expect(await page.call(beClosed, at("/close"))).toEqual({ by: "peer-application", code: 7, reason: "so long" });
  const next = server.session(server.sessions.length);
  await page.call(close, at("/idle"));
  expect(await (await next).closed).toEqual({ closeCode: 4_000_000_000, reason: "ciao, Vögel" });
});
