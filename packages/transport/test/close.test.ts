import { createSocket } from "node:dgram";
import diagnostics from "node:diagnostics_channel";
import { ByteReader, ByteWriter, type CloseInfo, type Connection } from "@moqingbird/transport";
import { afterEach, expect, test } from "vitest";
import type { QuicConnection } from "../src/quic/quic-connection.ts";
import { runtime } from "../src/quic/thread.ts";
import { client, closeAll, exchange, Inbox, listener, pair } from "./support/pair.ts";

afterEach(closeAll);

test("a local close reaches the peer with its code and reason", async () => {
  const { client, server } = await pair();
  const told: CloseInfo[] = [];
  server.handler = { closed: (info) => told.push(info) };
  client.close({ code: (1n << 62n) - 1n, reason: "enough for today" });
  client.close({ code: 1, reason: "too late" });
  expect(await client.closed).toEqual({ by: "local", code: (1n << 62n) - 1n, reason: "enough for today" });
  const seen = await server.closed;
  expect(seen).toMatchObject({ by: "peer-application", code: (1n << 62n) - 1n, reason: "enough for today" });
  expect(seen.error).toMatchObject({ code: "peer-closed" });
  expect(seen.error?.message).toMatch(/closed the connection with code 4611686018427387903: enough for today\.$/);
  expect(told).toEqual([seen]);
});

test("a reason too long for a packet is cut between characters", async () => {
  const { client, server } = await pair();
  client.close({ reason: "ä".repeat(2000) });
  const { reason } = await server.closed;
  expect(reason.length).toBeGreaterThan(300);
  expect(reason).toMatch(/^ä+$/);
});

test("a listener that closes tells every connection before its socket closes", async () => {
  const accepted = new Inbox<Connection>();
  const opened = await listener({ onConnection: (connection) => accepted.put(connection) });
  const clients = await Promise.all([1, 2, 3].map(() => client(opened)));
  await Promise.all([accepted.next(), accepted.next(), accepted.next()]);
  expect(opened.connections.size).toBe(3);
  await opened.close({ code: 42, reason: "shutting down" });
  expect(await opened.closed).toBeUndefined();
  expect(opened.connections.size).toBe(0);
  for (const connection of clients) {
    expect(await connection.closed).toMatchObject({ by: "peer-application", code: 42n, reason: "shutting down" });
  }
  const again = await listener({ port: opened.address.port });
  expect(again.address.port).toBe(opened.address.port);
});

test("sources and sinks hear of the end once, then the handler, then the promise", async () => {
  const { client, server } = await pair();
  const calls: string[] = [];
  client.handler = { closed: () => calls.push("handler") };
  client.openBidirectional(
    { pending: false, finished: false, pull: () => 0, closed: () => calls.push("source") },
    { data() {}, finished() {}, reset() {}, closed: () => calls.push("sink") },
  );
  void client.closed.then(() => calls.push("promise"));
  server.close();
  await client.closed;
  await Promise.resolve();
  expect(calls.slice(0, 2).sort()).toEqual(["sink", "source"]);
  expect(calls.slice(2)).toEqual(["handler", "promise"]);
});

test("closing again, and everything else, is harmless after the end and inside the closed handler", async () => {
  const { client, server } = await pair();
  const writer = new ByteWriter();
  const stream = client.openUnidirectional(writer);
  writer.write(new Uint8Array(10));
  const inside: string[] = [];
  client.handler = {
    closed: () => {
      client.close({ code: 3 });
      stream.activate();
      stream.reset(1);
      stream.setSortKey([0, 0, 0, 1]);
      try {
        client.openUnidirectional(new ByteWriter());
      } catch (error) {
        inside.push((error as Error).message);
      }
    },
  };
  server.close();
  const info = await client.closed;
  expect(inside).toEqual(["The connection is closed already."]);
  expect(client.sendDatagram(new Uint8Array(1))).toBe(false);
  expect(client.maxDatagramSize).toBe(0);
  expect(() => client.openBidirectional(new ByteWriter(), new ByteReader())).toThrow("closed already");
  expect(client.stats().sentPackets).toBeGreaterThan(0);
  client.close();
  expect(await client.closed).toBe(info);
});

test("a handler set after the end is still told", async () => {
  const { client, server } = await pair();
  server.close({ reason: "bye" });
  await client.closed;
  const told = await new Promise<CloseInfo>((resolve) => {
    client.handler = { closed: resolve };
  });
  expect(told.reason).toBe("bye");
});

test("a peer that falls silent is an idle time-out on this side", async () => {
  const relayed = await silencedClient({ idleTimeoutMs: 300, keepAliveMs: 0 });
  const start = performance.now();
  relayed.silence();
  const info = await relayed.client.closed;
  expect(performance.now() - start).toBeLessThan(3000);
  expect(info).toMatchObject({ by: "idle", code: 0n });
  expect(info.error).toMatchObject({ code: "idle-timeout" });
  expect(info.error?.message).toMatch(/fell silent: .*\(0\.3 s at most/);
});

test("a server that has forgotten the connection resets it", async () => {
  const relayed = await silencedClient({ idleTimeoutMs: 20_000, keepAliveMs: 50 });
  const server = (await relayed.server) as QuicConnection;
  relayed.silence();
  server.close(); // the client never hears of it
  while (runtime().info(server.handle) !== undefined) await new Promise((resolve) => setImmediate(resolve));
  relayed.silence(false);
  expect(await relayed.client.closed).toMatchObject({ by: "reset", error: { code: "connection-reset" } });
});

test("keep-alive holds a quiet connection open", async () => {
  const settings = { idleTimeoutMs: 300, keepAliveMs: 75 };
  const { client, server } = await pair({ listen: { transport: settings }, connect: { transport: settings } });
  const first = await Promise.race([
    client.closed,
    server.closed,
    new Promise((resolve) => setTimeout(resolve, 900, "open")),
  ]);
  expect(first).toBe("open");
});

test("what a handler throws ends its connection with the cause, and no other", async () => {
  const fault = new Error("handler fault");
  const {
    client: faulty,
    server,
    listener: opened,
  } = await pair({
    serve: () => ({
      stream: () => {
        throw fault;
      },
    }),
  });
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  const healthy = await client(opened);
  exchange(faulty).writer.write(new Uint8Array(1));
  const info = await server.closed;
  expect(info.error).toMatchObject({ code: "handler-failed", cause: fault });
  expect(await warned).toBe(info.error);
  expect(await faulty.closed).toMatchObject({ by: "peer-application" });
  expect(opened.connections.size).toBe(1);
  healthy.close();
});

test("what a source throws inside pull ends its connection with the cause", async () => {
  const { client } = await pair();
  const fault = new Error("source fault");
  client.openUnidirectional({
    pending: true,
    finished: false,
    pull: () => {
      throw fault;
    },
  });
  expect((await client.closed).error).toMatchObject({ code: "handler-failed", cause: fault });
});

test("a disposed connection or listener is closed", async () => {
  let seen: Connection;
  {
    await using opened = await listener();
    await using connection = await client(opened);
    seen = connection;
  }
  expect((await seen.closed).by).toBe("local");
});

test("diagnostics channels tell of connections that open, close and are turned away", async () => {
  const seen = new Inbox<string>();
  const names = ["open", "close", "rejected"].map((name) => `moqingbird.transport.${name}`);
  const listeners = names.map((name) => (): void => seen.put(name));
  names.forEach((name, i) => {
    diagnostics.subscribe(name, listeners[i] as () => void);
  });
  const { client: one, listener: opened, server } = await pair();
  expect([await seen.next(), await seen.next()]).toEqual([names[0], names[0]]);
  one.close();
  await server.closed;
  expect([await seen.next(), await seen.next()]).toEqual([names[1], names[1]]);
  await expect(client(opened, { trust: { sha256: [new Uint8Array(32)] } })).rejects.toMatchObject({
    code: "certificate-untrusted",
  });
  const rest = [await seen.next(), await seen.next()].sort();
  expect(rest).toEqual([names[1], names[2]]);
  names.forEach((name, i) => {
    diagnostics.unsubscribe(name, listeners[i] as () => void);
  });
});

/** A client behind a UDP forwarder that can be switched off. */
async function silencedClient(transport: { idleTimeoutMs: number; keepAliveMs: number }) {
  const accepted = Promise.withResolvers<Connection>();
  const opened = await listener({ transport, onConnection: accepted.resolve });
  const inner = createSocket("udp4").unref();
  const outer = createSocket("udp4").unref();
  let silent = false;
  let back = 0;
  outer.on("message", (packet, { port }) => {
    back = port;
    if (!silent) inner.send(packet, opened.address.port, "127.0.0.1");
  });
  inner.on("message", (packet) => {
    if (!silent) outer.send(packet, back, "127.0.0.1");
  });
  await new Promise<void>((resolve) => outer.bind(0, "127.0.0.1", resolve));
  const near = await client({ ...opened, address: outer.address() } as typeof opened, { transport });
  return {
    client: near,
    server: accepted.promise,
    silence: (on = true) => {
      silent = on;
    },
  };
}
