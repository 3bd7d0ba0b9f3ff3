/**
 * The npm package @moq/net on our W3C class, at both ends: its client dials with `globalThis.WebTransport`, its server is
 * given the sessions that our listener accepts. What it publishes arrives, in every version it speaks.
 */
import { randomBytes } from "node:crypto";
import {
  generateCertificate,
  type Listener,
  type LoadedCertificate,
  listen,
  WebTransport,
} from "@moqingbird/transport";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadMoqNet, type MoqConnection, type MoqFrame } from "../../src/moq-net/moq-net.ts";

/** What is offered as the session's protocol, and the version that comes of it. */
const versions = [
  ["moq-lite-05", "moq-lite-05"],
  ["moq-lite-04", "moq-lite-04"],
  ["moq-lite-03", "moq-lite-03"],
  ["moql", "moq-lite-02"],
  ["moqt-20", "moq-transport-20"],
  ["moqt-19", "moq-transport-19"],
  ["moqt-18", "moq-transport-18"],
  ["moqt-17", "moq-transport-17"],
  ["moqt-16", "moq-transport-16"],
  ["moqt-15", "moq-transport-15"],
] as const;
/** Of the frames of a group: nothing, less than a packet, many packets. */
const frameBytes = [0, 100, 200_000];
const groups = 5;

const moq = await loadMoqNet();
const room = moq.Path.from("room");
let certificate: LoadedCertificate;
let listener: Listener;
let accepted: PromiseWithResolvers<MoqConnection>;

beforeAll(async () => {
  vi.stubGlobal("WebTransport", WebTransport);
  // It tells of each step, and of each stream that the end of a session cuts.
  for (const level of ["debug", "warn", "error"] as const) vi.spyOn(console, level).mockReturnValue();
  certificate = await generateCertificate({ names: ["127.0.0.1"] });
  listener = await listen({
    host: "127.0.0.1",
    certificate,
    webTransport: {
      onRequest: (request) => {
        const [protocol] = request.protocols;
        const session = request.accept(protocol === undefined ? {} : { protocol });
        moq.Connection.accept(session, request.url).then(accepted.resolve, accepted.reject);
      },
    },
  });
});

afterAll(async () => {
  await listener?.close();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function connect(protocol: string): Promise<{ client: MoqConnection; server: MoqConnection }> {
  accepted = Promise.withResolvers();
  const client = await moq.Connection.connect(new URL(`https://127.0.0.1:${listener.address.port}/`), {
    websocket: { enabled: false },
    webtransport: { protocols: [protocol], serverCertificateHashes: [{ value: certificate.sha256 }] },
  });
  return { client, server: await accepted.promise };
}

/** Publishes a broadcast from one to the other and returns both ends of its track. */
async function track(from: MoqConnection, to: MoqConnection) {
  const broadcast = new moq.Broadcast.Producer();
  const publisher = broadcast.createTrack("video");
  from.publish(room, broadcast);
  expect(await to.announced().next()).toMatchObject({ path: "room", active: true });
  return { publisher, subscriber: to.consume(room).subscribe("video") };
}

const frame = (payload: Uint8Array): MoqFrame => ({ payload, timestamp: moq.Time.Timestamp.now() });

for (const [protocol, version] of versions) {
  describe(protocol, () => {
    for (const direction of ["server to client", "client to server"] as const) {
      test(`groups and their frames arrive, ${direction}`, async () => {
        const { client, server } = await connect(protocol);
        expect([client.transport, client.version, server.version]).toEqual(["webtransport", version, version]);
        const [from, to] = direction === "server to client" ? [server, client] : [client, server];
        const { publisher, subscriber } = await track(from, to);
        for (let sequence = 0; sequence < groups; sequence++) {
          const payloads = frameBytes.map((bytes) => new Uint8Array(randomBytes(bytes)));
          const group = publisher.appendGroup();
          for (const payload of payloads) group.writeFrame(frame(payload));
          group.close();
          const received = await subscriber.recvGroup();
          expect(received?.sequence).toBe(sequence);
          for (const payload of payloads) {
            expect(Buffer.compare((await received?.readFrame())?.payload ?? Buffer.of(1), payload)).toBe(0);
          }
          expect(await received?.readFrame()).toBeUndefined();
        }
        expect((await client.stats()).rtt).toBeGreaterThan(0);
        client.close();
        server.close();
      });
    }
  });
}

test("datagrams arrive where the version has them", async () => {
  const { client, server } = await connect("moq-lite-05");
  const { publisher, subscriber } = await track(server, client);
  const payload = new Uint8Array(randomBytes(900));
  // A datagram may be lost even here, so it is sent until one arrives.
  const again = setInterval(() => publisher.appendDatagram(moq.Time.Timestamp.now(), payload), 20);
  try {
    expect(Buffer.compare((await subscriber.recvDatagram())?.payload ?? Buffer.of(), payload)).toBe(0);
  } finally {
    clearInterval(again);
  }
  client.close();
  server.close();
});
