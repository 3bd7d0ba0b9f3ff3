/** Wireshark's dissector reads our packets with the secrets that either end of ours logs, and finds nothing malformed. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { ByteReader, ByteWriter, type Connection, connect, listen, loadCertificate } from "@moqingbird/transport";
import { expect } from "vitest";
import { type Lab, test } from "../../src/lab/lab.ts";
import { LossyPath } from "../../src/quic/lossy-path.ts";
import { type CapturedPacket, pcapFile } from "../../src/quic/pcap.ts";

const run = promisify(execFile);
/** Ports in the capture: what the path's own sockets have is nobody's business. */
const ports = { client: 40_000, server: 4433 };
const text = "a mockingbird repeats what it hears";

interface Capture {
  readonly packets: readonly CapturedPacket[];
  readonly keys: Readonly<Record<"client" | "server", readonly string[]>>;
}

/** A conversation of our client with our listener: a stream there and back, a datagram, a close with a reason. */
async function converse(lab: Lab): Promise<Capture> {
  const packets: CapturedPacket[] = [];
  const keys = { client: [] as string[], server: [] as string[] };
  const heard = Promise.withResolvers<string>();
  const accepted = Promise.withResolvers<Connection>();
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await loadCertificate(lab.certificate),
    alpn: ["moq-00"],
    keyLog: (line) => keys.server.push(line),
    onConnection: (connection) => {
      accepted.resolve(connection);
      connection.handler = {
        stream: () => {
          const reader = new ByteReader();
          reader.bytes().then((bytes) => heard.resolve(Buffer.from(bytes).toString()), heard.reject);
          return reader;
        },
      };
    },
  });
  const path = await LossyPath.open({
    to: listener.address.port,
    percent: 0,
    seed: 0,
    watch: (bytes, way) => {
      const [from, to] = way === "there" ? [ports.client, ports.server] : [ports.server, ports.client];
      packets.push({ micros: performance.now() * 1000, from, to, bytes: Uint8Array.from(bytes) });
    },
  });
  try {
    const client = await connect({
      host: "127.0.0.1",
      port: path.port,
      alpn: ["moq-00"],
      trust: "none",
      keyLog: (line) => keys.client.push(line),
    });
    const writer = ByteWriter.open(client);
    writer.write(Buffer.from(text));
    writer.finish();
    expect(await heard.promise).toBe(text);
    client.sendDatagram(Buffer.from("datagram"));
    await writer.acknowledged();
    client.close({ code: 5, reason: "said it all" });
    await (await accepted.promise).closed;
  } finally {
    path.close();
    await listener.close();
  }
  return { packets, keys };
}

/** One row for each packet, its columns the fields. */
async function dissect(capture: string, keys: string | undefined, ...fields: string[]): Promise<string[][]> {
  const { stdout } = await run("tshark", [
    ...[
      "-r",
      capture,
      "-d",
      `udp.port==${ports.server},quic`,
      "-T",
      "fields",
      ...fields.flatMap((name) => ["-e", name]),
    ],
    ...(keys === undefined ? [] : ["-o", `tls.keylog_file:${keys}`]),
  ]);
  return stdout
    .trimEnd()
    .split("\n")
    .map((row) => row.split("\t"));
}

for (const side of ["client", "server"] as const) {
  test(`tshark reads a conversation with the secrets that our ${side} logged`, async ({ lab }) => {
    const { packets, keys } = await converse(lab);
    const capture = lab.file("capture.pcap");
    const keyFile = lab.file("keys.log");
    await writeFile(capture, pcapFile(packets));
    await writeFile(keyFile, keys[side].map((line) => `${line}\n`).join(""));

    const rows = await dissect(capture, keyFile, "quic.frame_type", "quic.stream.length", "_ws.malformed");
    expect(rows).toHaveLength(packets.length);
    expect(rows.map(([, , malformed]) => malformed ?? "")).toEqual(rows.map(() => ""));
    expect(rows.filter(([frames = ""]) => frames === "")).toEqual([]); // every packet was opened
    expect(rows.flatMap(([, lengths = ""]) => lengths.split(","))).toContain(String(text.length));
    const types = new Set(rows.flatMap(([frames = ""]) => frames.split(",").map(Number)));
    expect([...types]).toEqual(expect.arrayContaining([0x06, 0x02, 0x1e])); // CRYPTO, ACK, HANDSHAKE_DONE
    const [[reason] = []] = (await dissect(capture, keyFile, "quic.cc.reason_phrase")).filter(([found]) => found);
    expect(reason).toBe("said it all");

    const closed = await dissect(capture, undefined, "quic.stream.length");
    expect(closed.flat().join("")).toBe(""); // and nobody reads it without
  });
}
