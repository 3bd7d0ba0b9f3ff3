import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type QlogFile, readQlog } from "@moqingbird/testing";
import type { QlogConnection, QlogTarget } from "@moqingbird/transport";
import { afterEach, expect, test } from "vitest";
import { closeAll, echo, exchange, pair, pattern } from "./support/pair.ts";

const folders: string[] = [];
afterEach(async () => {
  await closeAll();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** Keeps logs in memory; `whole` resolves when one has ended. */
class Shelf {
  readonly texts = new Map<string, string>();
  readonly connections: QlogConnection[] = [];
  readonly #ended = new Map<string, PromiseWithResolvers<QlogFile>>();

  readonly target: QlogTarget = (connection) => {
    const { fileName, side } = connection;
    this.connections.push(connection);
    this.texts.set(fileName, "");
    return {
      write: (chunk) => {
        this.texts.set(fileName, this.texts.get(fileName) + chunk);
        return true;
      },
      end: () => this.#of(side).resolve(readQlog(this.texts.get(fileName) ?? "")),
    };
  };

  whole(side: "client" | "server"): Promise<QlogFile> {
    return this.#of(side).promise;
  }

  #of(side: string): PromiseWithResolvers<QlogFile> {
    const known = this.#ended.get(side) ?? Promise.withResolvers<QlogFile>();
    this.#ended.set(side, known);
    return known;
  }
}

const named = ({ events }: QlogFile, name: string) => events.filter((event) => event.name === name);

test("both ends write a valid log of the whole connection, and agree on it", async () => {
  const shelf = new Shelf();
  const { client, server } = await pair({
    serve: echo,
    listen: { qlog: shelf.target },
    connect: { qlog: shelf.target },
  });
  const { writer, reader } = exchange(client);
  const bytes = pattern(300_000);
  writer.write(bytes.subarray(0, 200_000));
  await writer.drained();
  writer.write(bytes.subarray(200_000));
  writer.finish();
  await reader.bytes();
  client.close({ code: 7, reason: "done" });
  await server.closed;
  const [near, far] = await Promise.all([shelf.whole("client"), shelf.whole("server")]);

  const [one, other] = shelf.connections;
  expect(one?.connectionId).toBe(other?.connectionId);
  expect([...shelf.texts.keys()].sort()).toEqual(
    ["client", "server"].map((side) => `${one?.connectionId}_${side}.sqlog`),
  );
  expect(near.header).toMatchObject({ trace: { vantage_point: { type: "client" } } });
  for (const log of [near, far]) {
    expect(log.events[0]).toMatchObject({ data: { new: "attempted" } });
    expect(log.events.at(-1)).toMatchObject({ data: { new: "closed" } });
    const { data: started } = named(log, "connectivity:connection_started")[0] ?? {};
    expect(started).toMatchObject({ ip_version: "v4", dst_ip: "127.0.0.1" });
    expect(named(log, "transport:parameters_set").map(({ data }) => data.owner)).toEqual(["local", "remote"]);
    expect(named(log, "transport:alpn_information")).toMatchObject([{ data: { chosen_alpn: "test" } }]);
    expect(named(log, "recovery:metrics_updated").length).toBeGreaterThan(3);
  }
  expect(named(near, "connectivity:connection_closed")).toMatchObject([
    { data: { owner: "local", application_code: 7, reason: "done", trigger: "application" } },
  ]);
  expect(named(far, "connectivity:connection_closed")).toMatchObject([{ data: { owner: "remote" } }]);
  const key = ({ data }: QlogFile["events"][number]) => {
    const { packet_type, packet_number } = data.header as Record<string, unknown>;
    return `${packet_type} ${packet_number}`;
  };
  const sent = new Set(named(near, "transport:packet_sent").map(key));
  const received = named(far, "transport:packet_received").map(key);
  expect(received.length).toBeGreaterThan(100);
  expect(received.filter((packet) => !sent.has(packet))).toEqual([]);
  const delivered = named(near, "transport:packet_received")
    .flatMap(({ data }) => data.frames as { frame_type: string; length: number }[])
    .filter(({ frame_type }) => frame_type === "stream")
    .reduce((sum, { length }) => sum + length, 0);
  expect(delivered).toBeGreaterThanOrEqual(bytes.length);
});

test("a stream that fits one packet is one frame, its end included", async () => {
  const shelf = new Shelf();
  const { client } = await pair({ serve: echo, connect: { qlog: shelf.target } });
  for (let round = 0; round < 3; round++) {
    const { writer, reader } = exchange(client);
    writer.write(pattern(300));
    writer.finish();
    await reader.bytes();
  }
  client.close();
  const packets = named(await shelf.whole("client"), "transport:packet_sent").map(({ data }) => data);
  const frames = packets.flatMap(({ frames = [] }) => frames as Record<string, unknown>[]);
  expect(frames.filter(({ frame_type }) => frame_type === "stream")).toEqual(
    [0, 4, 8].map((stream_id) => ({ frame_type: "stream", stream_id, offset: 0, length: 300, fin: true })),
  );
});

test("a directory gets one file for each end, and no connection is disturbed by one that cannot be written", async () => {
  const folder = await mkdtemp(join(tmpdir(), "moqingbird-qlog-"));
  folders.push(folder);
  const directory = join(folder, "made");
  const { client, server } = await pair({
    serve: echo,
    listen: { qlog: { directory } },
    connect: { qlog: { directory } },
  });
  const { writer, reader } = exchange(client);
  writer.write(pattern(10_000));
  writer.finish();
  expect((await reader.bytes()).length).toBe(10_000);
  client.close();
  await server.closed;
  const complete = async () => {
    const names = await readdir(directory);
    const logs = await Promise.all(names.map(async (name) => readQlog(await readFile(join(directory, name), "utf8"))));
    return logs.map((log) => log.events.at(-1)?.data.new);
  };
  await expect.poll(complete, { timeout: 10_000 }).toEqual(["closed", "closed"]);
  await writeFile(join(folder, "file"), "");
  await expect(pair({ connect: { qlog: { directory: join(folder, "file", "below") } } })).rejects.toMatchObject({
    code: "option-invalid",
  });
});

test("a sink that does not keep up is told how much it missed; one that is not wanted costs nothing", async () => {
  let text = "";
  let taken = 0;
  const ended = Promise.withResolvers<void>();
  const { client, server } = await pair({
    serve: echo,
    listen: { qlog: () => undefined },
    connect: {
      qlog: () => ({
        write(chunk) {
          if (taken++ % 2 === 1) return false;
          text += chunk;
          return true;
        },
        end: () => ended.resolve(),
      }),
    },
  });
  const { writer, reader } = exchange(client);
  writer.write(pattern(20_000));
  writer.finish();
  await reader.bytes();
  client.close();
  await server.closed;
  await ended.promise;
  const log = readQlog(text);
  expect(named(log, "generic:warning")[0]?.data.message).toMatch(/^\d+ events were lost: the log could not keep up\.$/);
});

test("key lines reach the function of whoever asked, on either side", async () => {
  const lines: Record<"client" | "server", string[]> = { client: [], server: [] };
  const { client } = await pair({
    serve: echo,
    listen: { keyLog: (line) => lines.server.push(line) },
    connect: { keyLog: (line) => lines.client.push(line) },
  });
  const { writer, reader } = exchange(client);
  writer.finish();
  await reader.bytes();
  expect(lines.client).toHaveLength(5);
  expect([...lines.server].sort()).toEqual([...lines.client].sort());
});
