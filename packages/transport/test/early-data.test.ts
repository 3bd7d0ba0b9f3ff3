/** 0-RTT of `listen` and `connect`. Loss and reordering around it are tested in the engine. */
import { lookup } from "node:dns/promises";
import { type QlogFile, readQlog } from "@moqingbird/testing";
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type ConnectOptions,
  type EarlyConnection,
  type Listener,
  type ListenOptions,
  type QlogTarget,
} from "@moqingbird/transport";
import { afterEach, expect, test, vi } from "vitest";
import { certificate, client, closeAll, echo, exchange, Inbox, listener, pattern } from "./support/pair.ts";

vi.mock("node:dns/promises", { spy: true });

afterEach(closeAll);

const bytes = pattern(5000);

/** Packet types of each connection that a listener had, when it is over. */
class PacketTypes {
  readonly #logs = new Inbox<QlogFile>();

  readonly target: QlogTarget = () => {
    let text = "";
    return {
      write: (chunk) => {
        text += chunk;
        return true;
      },
      end: () => this.#logs.put(readQlog(text)),
    };
  };

  /** Of the next one that is over. */
  async next(): Promise<Set<unknown>> {
    const { events } = await this.#logs.next();
    const received = events.filter(({ name }) => name === "transport:packet_received");
    return new Set(received.map(({ data }) => (data.header as { packet_type: unknown }).packet_type));
  }
}

interface Served {
  readonly listener: Listener;
  readonly accepted: Inbox<Connection>;
  /** Clients keep tickets by name: none is for a listener of another test. */
  readonly serverName: string;
}

let listeners = 0;

/** A listener that echoes streams. */
async function serving(options: Partial<ListenOptions> = {}): Promise<Served> {
  const accepted = new Inbox<Connection>();
  const opened = await listener({
    earlyData: true,
    onConnection: (connection) => {
      connection.handler = echo();
      accepted.put(connection);
    },
    ...options,
  });
  return { listener: opened, accepted, serverName: `${++listeners}.test` };
}

function dial({ listener: to, serverName }: Served, options: Partial<ConnectOptions>): Promise<Connection> {
  return client(to, { serverName, ...options });
}

/** A first connection, over when it has brought its tickets: they come before the echo. */
async function acquaint(served: Served, options: Partial<ConnectOptions>): Promise<Connection> {
  const connection = await dial(served, options);
  const { writer, reader } = exchange(connection);
  writer.write(bytes);
  writer.finish();
  await reader.bytes();
  connection.close();
  await (await served.accepted.next()).closed;
  return connection;
}

/** What a client says early, and hears in return. */
class Saying {
  calls = 0;
  readonly writer = new ByteWriter();
  readonly reader = new ByteReader();

  readonly onEarlyData = (connection: EarlyConnection): void => {
    this.calls++;
    connection.openBidirectional(this.writer, this.reader);
    this.writer.write(bytes);
    this.writer.finish();
  };
}

const quiet = { onEarlyData: () => {} };

test("with a ticket for it what is said before the handshake arrives, and is answered", async () => {
  const types = new PacketTypes();
  const served = await serving({ qlog: types.target });
  const first = new Saying();
  expect((await acquaint(served, first)).earlyData).toBe("none");
  expect(first.calls).toBe(0);
  expect(await types.next()).not.toContain("0RTT");

  const saying = new Saying();
  const connection = await dial(served, saying);
  expect(saying.calls).toBe(1);
  expect(connection).toMatchObject({ earlyData: "accepted", resumed: true });
  expect(await saying.reader.bytes()).toEqual(bytes);
  await saying.writer.acknowledged();
  expect(await served.accepted.next()).toMatchObject({ earlyData: "accepted", resumed: true });
  connection.close();
  expect(await types.next()).toContain("0RTT");
});

test("where the server takes none the streams end with early-data-rejected, and others go", async () => {
  const served = await serving();
  await acquaint(served, quiet);
  served.listener.setCertificate(await certificate()); // with it the sessions of before are forgotten
  const saying = new Saying();
  const connection = await dial(served, saying);
  expect(saying.calls).toBe(1);
  expect(connection).toMatchObject({ earlyData: "rejected", resumed: false });
  await expect(saying.reader.bytes()).rejects.toMatchObject({ code: "early-data-rejected" });
  await expect(saying.writer.acknowledged()).rejects.toThrow(
    /^What was said to 127\.0\.0\.1:\d+ before the handshake was not taken: the server took no 0-RTT\. Open the stream again/,
  );
  const { writer, reader } = exchange(connection);
  writer.write(bytes);
  writer.finish();
  expect(await reader.bytes()).toEqual(bytes);
});

test("nothing leaves before the handshake unless both sides were told to", async () => {
  for (const earlyData of [true, false]) {
    const types = new PacketTypes();
    const served = await serving({ earlyData, qlog: types.target });
    const saying = new Saying();
    // One side each.
    await acquaint(served, earlyData ? {} : saying);
    await acquaint(served, earlyData ? {} : saying);
    expect(saying.calls).toBe(0);
    for (let round = 0; round < 2; round++) expect(await types.next()).not.toContain("0RTT");
  }
});

test("streams opened early end with early-data-rejected when no handshake comes of it", async () => {
  const served = await serving();
  await acquaint(served, quiet);
  await served.listener.close();
  const saying = new Saying();
  await expect(dial(served, saying)).rejects.toMatchObject({ code: "connection-refused" });
  expect(saying.calls).toBe(1);
  await expect(saying.reader.bytes()).rejects.toMatchObject({ code: "early-data-rejected" });
});

test("what was said to one address is said to have been rejected where another one answers", async () => {
  const served = await serving();
  await acquaint(served, quiet);
  const found = ["127.0.0.3", "127.0.0.1"].map((address) => ({ address, family: 4 })); // refusing, serving
  vi.mocked(lookup).mockResolvedValueOnce(found as never);
  const saying = new Saying();
  const connection = await dial(served, { host: "several.test", onEarlyData: saying.onEarlyData });
  expect(saying.calls).toBe(1);
  expect(connection).toMatchObject({ earlyData: "rejected", remoteAddress: { address: "127.0.0.1" } });
  await expect(saying.reader.bytes()).rejects.toMatchObject({ code: "early-data-rejected" });
});

test("what onEarlyData throws ends the attempt", async () => {
  const served = await serving();
  await acquaint(served, quiet);
  const failing = {
    onEarlyData: () => {
      throw new Error("not today");
    },
  };
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  await expect(dial(served, failing)).rejects.toMatchObject({ code: "handler-failed" });
  expect((await warned).message).toContain("not today");
});

test("HTTP/3 is not served with it", async () => {
  await expect(listener({ earlyData: true, fetch: () => new Response() })).rejects.toThrow(
    "The option earlyData is unusable: HTTP/3 has none",
  );
});
