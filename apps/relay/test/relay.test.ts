import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BroadcastProducer, TrackNamespace } from "@moqingbird/model";
import { type Connection, connect as openSession, protocolsOf } from "@moqingbird/session";
import { writeCertificate } from "@moqingbird/testing";
import { connect, connectWebSocket, generateCertificate, WebTransport, watchCertificates } from "@moqingbird/transport";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../src/log.ts";
import { type Relay, start } from "../src/relay.ts";

let relay: Relay;
let log: Record<string, unknown>[];
let sha256: Uint8Array;
let told: () => void;
const silent = createLogger({ destination: { write() {} } });

beforeEach(async () => {
  const certificate = await generateCertificate();
  sha256 = certificate.sha256;
  log = [];
  told = () => {};
  const destination = {
    write: (line: string) => {
      log.push(JSON.parse(line));
      told();
    },
  };
  relay = await start({ host: "127.0.0.1", port: 0, certificate, log: createLogger({ destination }) });
});
afterEach(() => relay.close());

/** The first line of an event, past or future. */
function logged(event: string): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    told = () => {
      const line = log.find((candidate) => candidate.event === event);
      if (line !== undefined) resolve(line);
    };
    told();
  });
}

test("a client that speaks no protocol of ours is turned down, and the log says who and why", async () => {
  const { port } = relay.address;
  await expect(
    connect({ host: "127.0.0.1", port, alpn: ["other"], trust: { sha256: [sha256] } }),
  ).rejects.toMatchObject({
    code: "no-common-alpn",
  });
  expect(await logged("connection-refused")).toMatchObject({
    peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    by: "transport",
    code: "0x178",
    untold: 0,
  });
});

test("/certificate.sha256 and the log follow the certificate of a running relay", async () => {
  const folder = await mkdtemp(join(tmpdir(), "moqingbird-relay-certificate-"));
  const [first, second] = [await generateCertificate(), await generateCertificate()];
  await relay.close();
  using certificate = await watchCertificates(await writeCertificate(folder, first), { intervalMs: 0 });
  const logger = createLogger({ destination: { write: (line: string) => void log.push(JSON.parse(line)) } });
  relay = await start({ host: "127.0.0.1", port: 0, certificate, log: logger });
  const { port } = relay.address;
  const told = async () => (await (await fetch(`http://127.0.0.1:${port}/certificate.sha256`)).text()).trim();
  const hex = ({ sha256 }: { sha256: Uint8Array }) => Buffer.from(sha256).toString("hex");
  expect(await told()).toBe(hex(first));

  await writeCertificate(folder, second);
  await certificate.reload();
  expect(await told()).toBe(hex(second));
  const trust = { sha256: [second.sha256] };
  (await connect({ host: "127.0.0.1", port, alpn: protocolsOf(), trust })).close();
  expect(await logged("certificates-changed")).toMatchObject({ certificates: [{ sha256: hex(second) }] });
  await rm(folder, { recursive: true });
});

test("a client that does not trust our certificate is in the log too", async () => {
  const { port } = relay.address;
  await expect(
    connect({ host: "127.0.0.1", port, alpn: ["moq-00"], trust: { sha256: [new Uint8Array(32)] } }),
  ).rejects.toMatchObject({ code: "certificate-untrusted" });
  expect(await logged("connection-refused")).toMatchObject({ by: "peer-transport", untold: 0 });
});

test("what comes in by raw QUIC goes out by WebTransport, and the path is in the log", async () => {
  const { port } = relay.address;
  const trust = { sha256: [sha256] };
  const publisher = await openSession(await connect({ host: "127.0.0.1", port, alpn: protocolsOf(), trust }));
  const lounge = TrackNamespace.of("radio", "lounge");
  const broadcast = new BroadcastProducer();
  broadcast.createTrack("notes").appendGroup().subgroup(0).writeObject(new TextEncoder().encode("hello"));
  await publisher.publish(lounge, broadcast.consume()).ready;

  const web = new WebTransport(`https://127.0.0.1:${port}/room?jwt=secret`, { trust });
  await web.ready;
  const viewer = await openSession(web.connection as Connection);
  for await (const { payload } of viewer.consume(lounge).track("notes").objects()) {
    expect(new TextDecoder().decode(payload)).toBe("hello");
    break;
  }
  const opened = log.filter(({ event }) => event === "session-open");
  expect(opened).toMatchObject([
    { transport: "quic", protocol: "moq-00" },
    { transport: "webtransport", protocol: "", path: "/room" },
  ]);
  await viewer.close();
  await web.closed;
  expect(await logged("session-closed")).toMatchObject({ by: "peer-application", code: 0, name: "NO_ERROR" });
  await publisher.close();
});

test("above the limit of sessions a WebTransport client is told that the relay is busy", async () => {
  const certificate = await generateCertificate();
  const full = await start({
    host: "127.0.0.1",
    port: 0,
    certificate,
    maxSessions: 1,
    log: createLogger({ level: "error" }),
  });
  const url = `https://127.0.0.1:${full.address.port}/`;
  const trust = { sha256: [certificate.sha256] };
  const first = new WebTransport(url, { trust });
  await first.ready;
  const second = new WebTransport(url, { trust });
  await expect(second.ready).rejects.toMatchObject({ name: "WebTransportError" });
  await full.close();
});

test("HTTP on the port's number tells health and fingerprint, and serves the files of a folder", async () => {
  const certificate = await generateCertificate();
  const pages = await mkdtemp(join(tmpdir(), "pages-"));
  await writeFile(join(pages, "index.html"), "<title>here</title>");
  const log = createLogger({ level: "error" });
  const served = await start({ host: "127.0.0.1", port: 0, certificate, pages, log });
  const at = `http://127.0.0.1:${served.address.port}`;
  const get = async (path: string) => {
    const response = await fetch(at + path);
    return [response.status, await response.text()];
  };
  expect(await get("/health")).toEqual([200, "ok\n"]);
  expect(await get("/certificate.sha256")).toEqual([200, `${Buffer.from(certificate.sha256).toString("hex")}\n`]);
  expect(await get("/")).toEqual([200, "<title>here</title>"]);
  expect((await get("/../relay.ts"))[0]).toBe(404);
  expect((await get("/nothing"))[0]).toBe(404);
  await served.close();
  await expect(fetch(`${at}/health`)).rejects.toThrow();
  await rm(pages, { recursive: true });
});

test("a TCP port in use is told by its number, and the UDP port is given back", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const config = {
    host: "127.0.0.1",
    port,
    certificate: await generateCertificate(),
    log: createLogger({ level: "error" }),
  };
  await expect(start(config)).rejects.toMatchObject({
    code: "address-in-use",
    message: expect.stringContaining("TCP"),
  });
  const without = await start({ ...config, tcp: false });
  expect(without.address.port).toBe(port);
  await without.close();
  taken.close();
});

test("pages of other origins stay outside, by WebTransport and by WebSocket; programs do not", async () => {
  await relay.close();
  const certificate = await generateCertificate();
  relay = await start({ host: "127.0.0.1", port: 0, certificate, log: silent, origins: ["https://good.example"] });
  const trust = { sha256: [certificate.sha256] };
  const pins = [{ algorithm: "sha-256", value: certificate.sha256 }];
  const { port } = relay.address;
  const protocols = protocolsOf();
  for (const [origin, taken] of [
    ["https://evil.example", false],
    ["https://good.example", true],
    [undefined, true],
  ] as const) {
    const headers = origin === undefined ? {} : { origin };
    const session = new WebTransport(`https://127.0.0.1:${port}/`, {
      serverCertificateHashes: pins,
      headers,
      protocols,
    });
    const socket = connectWebSocket(`wss://127.0.0.1:${port}/`, { trust, headers, protocols });
    const outcomes = await Promise.allSettled([session.ready, socket]);
    expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([taken, taken]);
    session.closed.catch(() => {});
    session.close();
    socket.then(
      (connection) => connection.close(),
      () => {},
    );
  }
});

test("the limit of an address holds on the TCP port, where a trusted proxy names whose a session is", async () => {
  await relay.close();
  const certificate = await generateCertificate();
  const limits = { maxConnectionsPerAddress: 1, trustedProxies: ["127.0.0.0/8"] };
  relay = await start({ host: "127.0.0.1", port: 0, certificate, log: silent, ...limits });
  const session = (client: string) =>
    connectWebSocket(`wss://127.0.0.1:${relay.address.port}/`, {
      trust: { sha256: [certificate.sha256] },
      headers: { "x-forwarded-for": client },
      protocols: protocolsOf(),
    });
  const first = await session("203.0.113.1");
  await expect(session("203.0.113.1")).rejects.toMatchObject({ status: 429 });
  const second = await session("203.0.113.2");
  for (const connection of [first, second]) connection.close();
});
