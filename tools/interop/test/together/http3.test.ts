/** Plain HTTP/3 with ngtcp2 (nghttp3, GnuTLS) and aioquic: their clients fetch from our listener, and we from their servers. */
import { inRoot } from "@moqingbird/toolchain";
import { describe, expect } from "vitest";
import { connectHttp3, get } from "../../src/http3/get.ts";
import { gtlsClientFetches } from "../../src/http3/gtls-client.ts";
import { serveOverHttp3, startGtlsServer } from "../../src/http3/servers.ts";
import { differences, type Files, fetchedBy, makeFiles } from "../../src/lab/file-set.ts";
import { type Lab, test } from "../../src/lab/lab.ts";
import { peerPython } from "../../src/peers/provision.ts";
import { type Command, startWebClient, startWebServer } from "../../src/webtransport/meeting.ts";

const transferBytes = [2_000_000, 3_000_000, 5_000_000];
/** Many more than any server allows at a time. */
const manyFiles = Array.from({ length: 1999 }, () => 32);
const priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL";
const onlyChaCha20 = `--ciphers=${priority}:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519`;
const onlyAes256 = `--ciphers=${priority}:+AES-256-GCM:-GROUP-ALL:+GROUP-X25519`;
const transferMs = 30_000;

const aioquicCommand = (): Command => ({
  program: peerPython("aioquic"),
  args: [inRoot("tools/interop/python/aioquic_peer.py")],
});
const aioquic = { name: "aioquic", server: aioquicCommand, client: aioquicCommand };

/** Fetches all of them over one connection at the same time. */
async function weFetch(lab: Lab, port: number, files: Files): Promise<Files> {
  const connection = await connectHttp3(port, lab.certificate);
  const fetchOne = async (name: string, { length }: Uint8Array) =>
    [name, await get(connection, `127.0.0.1:${port}`, `/${name}`, length)] as const;
  return new Map(await Promise.all([...files].map(([name, bytes]) => fetchOne(name, bytes))));
}

/** What either side fetches from the other. */
const transfers = [
  ["files of 2, 3 and 5 MB", transferBytes, []],
  ["1999 files over one connection", manyFiles, []],
  ["ChaCha20-Poly1305", [100_000], [onlyChaCha20]],
  ["AES-256-GCM", [100_000], [onlyAes256]],
] as const;

describe("ngtcp2's client fetches from us", () => {
  for (const [name, sizes, flags] of transfers) {
    test(name, async ({ lab }) => {
      const files = makeFiles(sizes);
      const { address } = await serveOverHttp3(lab, files);
      await gtlsClientFetches(lab, files, { port: address.port, flags: ["-q", ...flags] });
    });
  }

  test("bytes go on over a key update", async ({ lab }) => {
    const files = makeFiles([3_000_000]);
    const { address } = await serveOverHttp3(lab, files);
    const flags = ["--key-update=1ms", "--no-quic-dump", "--no-http-dump"];
    const program = await gtlsClientFetches(lab, files, { port: address.port, flags });
    for (const phase of [0, 1]) await program.line(new RegExp(`pkt rx .*type=1RTT k=${phase}`));
  });

  test("Retry, when the listener is busy", async ({ lab }) => {
    const files = makeFiles([10_000]);
    // One handshake at a time: whoever comes has to come with a token.
    const { address } = await serveOverHttp3(lab, files, { limits: { maxHandshakes: 1 } });
    const program = await gtlsClientFetches(lab, files, { port: address.port });
    await program.line(/type=Retry/);
  });
});

describe("we fetch from ngtcp2's server", () => {
  for (const [name, sizes, flags] of transfers) {
    test(name, async ({ lab }) => {
      const files = makeFiles(sizes);
      const { port } = await startGtlsServer(lab, files, ["-q", ...flags]);
      expect(differences(files, await weFetch(lab, port, files))).toEqual([]);
    });
  }

  test("Retry is answered", async ({ lab }) => {
    const files = makeFiles([10_000]);
    const { program, port } = await startGtlsServer(lab, files, ["-V"]);
    expect(differences(files, await weFetch(lab, port, files))).toEqual([]);
    await program.line(/^Sending Retry packet/);
    await program.line(/^Token was successfully validated/);
  });
});

describe("aioquic", () => {
  test("its client fetches files of 2, 3 and 5 MB from us", async ({ lab }) => {
    const files = makeFiles(transferBytes);
    const { address } = await serveOverHttp3(lab, files);
    const fetch = { kind: "http", names: [...files.keys()] } as const;
    const program = await startWebClient(lab, aioquic, `https://127.0.0.1:${address.port}/`, { fetch });
    await program.line(new RegExp(`^fetched ${files.size}$`), transferMs);
    expect(differences(files, await fetchedBy(lab))).toEqual([]);
  });

  test("we fetch files of 2, 3 and 5 MB from its server", async ({ lab }) => {
    const files = makeFiles(transferBytes);
    const { url } = await startWebServer(lab, aioquic, { files });
    expect(differences(files, await weFetch(lab, Number(new URL(url("/")).port), files))).toEqual([]);
  });
});
