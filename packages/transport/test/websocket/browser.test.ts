/** The browser's client on the web platform's own WebSocket, which Node has too. */
import { generateCertificate } from "@moqingbird/transport";
import { ByteReader, ByteWriter, connectWebSocket, TransportError } from "@moqingbird/transport/browser";
import { afterEach, expect, test } from "vitest";
import { echo, Inbox, pattern } from "../support/pair.ts";
import { closeSockets, socketServer } from "./support.ts";

afterEach(closeSockets);

test.each(["qmux-02", "qmux-00"] as const)("%s: bytes go there and back", async (draft) => {
  const server = await socketServer({ serve: echo });
  const connection = await connectWebSocket(server.url("ws"), { protocols: ["test"], drafts: [draft] });
  expect(connection.protocol).toBe("test");
  const writer = new ByteWriter({ limitBytes: 2_000_000 });
  const reader = new ByteReader();
  connection.openBidirectional(writer, reader);
  writer.write(pattern(1_000_000));
  writer.finish();
  expect(await reader.bytes()).toEqual(pattern(1_000_000));
  if (draft === "qmux-02") expect(connection.stats().rttMicros).toBeGreaterThan(0);
  connection.close({ code: 3, reason: "enough" });
  const session = await server.sessions.next();
  expect(await session.closed).toEqual({ closeCode: 3, reason: "enough" });
});

test("datagrams pass, and the server's close is told", async () => {
  const server = await socketServer({
    serve: (connection) => ({ datagram: (bytes, start, end) => connection.sendDatagram(bytes.slice(start, end)) }),
  });
  const connection = await connectWebSocket(server.url("http"), { protocols: ["test"] });
  const got = new Inbox<number>();
  connection.handler = { datagram: (_, start, end) => got.put(end - start) };
  expect(connection.sendDatagram(pattern(100))).toBe(true);
  expect(await got.next()).toBe(100);
  (await server.sessions.next()).close({ closeCode: 4, reason: "closing time" });
  expect(await connection.closed).toMatchObject({ by: "peer-application", code: 4n, reason: "closing time" });
});

test("a refusal is an error, whatever its reason; so is silence, and a signal ends the attempt", async () => {
  const server = await socketServer({ onRequest: (request) => request.reject(403) });
  await expect(connectWebSocket(server.url("ws"))).rejects.toMatchObject({ code: "unreachable" });
  const silent = await socketServer({ onRequest: () => {} });
  await expect(connectWebSocket(silent.url("ws"), { timeoutMs: 50 })).rejects.toMatchObject({
    code: "handshake-timeout",
  });
  const abort = new AbortController();
  const aborted = connectWebSocket(silent.url("ws"), { signal: abort.signal });
  abort.abort(new Error("changed my mind"));
  await expect(aborted).rejects.toThrow("changed my mind");
  await expect(connectWebSocket("ftp://localhost/")).rejects.toBeInstanceOf(TransportError);
});

test("another certificate than the system believes is not believed", async () => {
  const server = await socketServer({ certificate: await generateCertificate() });
  await expect(connectWebSocket(server.url("wss"))).rejects.toMatchObject({ code: "unreachable" });
});
