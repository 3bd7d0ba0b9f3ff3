import { BroadcastProducer, TrackNamespace } from "@moqingbird/model";
import { type Connection, connect as join, protocolsOf } from "@moqingbird/session";
import { connect, generateCertificate, WebTransport } from "@moqingbird/transport";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../src/log.ts";
import { type Relay, start } from "../src/relay.ts";

let relay: Relay;
let log: Record<string, unknown>[];
let sha256: Uint8Array;
let told: () => void;

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
  const publisher = await join(await connect({ host: "127.0.0.1", port, alpn: protocolsOf(), trust }));
  const lounge = TrackNamespace.of("radio", "lounge");
  const broadcast = new BroadcastProducer();
  broadcast.createTrack("notes").appendGroup().subgroup(0).writeObject(new TextEncoder().encode("hello"));
  await publisher.publish(lounge, broadcast.consume()).ready;

  const web = new WebTransport(`https://127.0.0.1:${port}/room?jwt=secret`, { trust });
  await web.ready;
  const viewer = await join(web.connection as Connection);
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
