/** 0-RTT with ngtcp2, whose programs speak HTTP/3 only; with quic-go see quic.test.ts. */
import { type Connection, type EarlyConnection, listen, loadCertificate } from "@moqingbird/transport";
import { expect, onTestFinished } from "vitest";
import { answerAll, connectHttp3, get } from "../../src/http3/get.ts";
import { startGtlsServer } from "../../src/http3/servers.ts";
import { differences, fetchedBy, intoFolder, makeFiles } from "../../src/lab/file-set.ts";
import { test } from "../../src/lab/lab.ts";

test("what ngtcp2's client says in 0-RTT is there when the handshake is done", async ({ lab }) => {
  const files = makeFiles([10_000]);
  const [[name, bytes]] = [...files] as [[string, Uint8Array]];
  const seen: Pick<Connection, "resumed" | "earlyData">[] = [];
  const listener = await listen({
    host: "127.0.0.1",
    alpn: ["h3"],
    certificate: await loadCertificate(lab.certificate),
    earlyData: true,
    onConnection: (connection) => {
      seen.push({ resumed: connection.resumed, earlyData: connection.earlyData });
      answerAll(connection, bytes);
    },
  });
  onTestFinished(() => listener.close());
  const state = [`--session-file=${lab.file("session")}`, `--tp-file=${lab.file("parameters")}`];
  const into = `--download=${await intoFolder(lab)}`;
  const at = ["127.0.0.1", String(listener.address.port), `https://127.0.0.1/${name}`];
  for (const early of [false, true, true]) {
    const args = [...state, "--exit-on-all-streams-close", into, ...at];
    const program = lab.start({ name: "gtlsclient", program: "gtlsclient", args });
    await program.exits();
    expect(program.lines.some((line) => /pkt tx .*type=0RTT/.test(line))).toBe(early);
    expect(differences(files, await fetchedBy(lab))).toEqual([]);
  }
  expect(seen).toEqual([
    { resumed: false, earlyData: "none" },
    { resumed: true, earlyData: "accepted" },
    { resumed: true, earlyData: "accepted" },
  ]);
});

test("ngtcp2's server takes what we say in 0-RTT, and answers it", async ({ lab }) => {
  const files = makeFiles([10_000]);
  const [[name, bytes]] = [...files] as [[string, Uint8Array]];
  const { program, port } = await startGtlsServer(lab, files, ["--no-http-dump"]);
  const fetch = (connection: EarlyConnection) => get(connection, `127.0.0.1:${port}`, `/${name}`, bytes.length);
  let answer: Promise<Buffer> | undefined;
  const onEarlyData = (connection: EarlyConnection) => {
    answer = fetch(connection);
  };
  const first = await connectHttp3(port, lab.certificate, { onEarlyData });
  expect(first.earlyData).toBe("none");
  expect(Buffer.compare(await fetch(first), bytes)).toBe(0); // the ticket follows the handshake
  first.close();
  await first.closed;

  const connection = await connectHttp3(port, lab.certificate, { onEarlyData });
  expect(connection).toMatchObject({ resumed: true, earlyData: "accepted" });
  expect(Buffer.compare((await answer) ?? Buffer.alloc(0), bytes)).toBe(0);
  await program.line(/pkt rx .*type=0RTT/);
});
