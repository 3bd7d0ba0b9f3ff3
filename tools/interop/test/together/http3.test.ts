/** ngtcp2's HTTP/3 client (nghttp3, GnuTLS) fetches files from our listener. Its exit code says nothing: bytes are compared. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateCertificate, type Listener, type ListenLimits, listen } from "@moqingbird/transport";
import { afterEach, beforeEach, expect, test } from "vitest";

const run = promisify(execFile);

let folder: string;
let listener: Listener | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqingbird-http3-"));
});

afterEach(async () => {
  await listener?.close();
  await rm(folder, { recursive: true });
});

/** Serves files of these sizes and returns what is in them, by path. */
async function serve(sizes: readonly number[], limits: ListenLimits = {}): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map(sizes.map((size, i) => [`/f${i}`, new Uint8Array(randomBytes(size))]));
  listener = await listen({
    host: "127.0.0.1",
    certificate: await generateCertificate({ names: ["localhost", "127.0.0.1"] }),
    limits,
    fetch: ({ url }) => {
      const file = files.get(new URL(url).pathname);
      return file === undefined ? new Response(null, { status: 404 }) : new Response(file);
    },
  });
  return files;
}

/** Fetches all of them over one connection and returns what the client says. */
async function fetchAll(files: ReadonlyMap<string, Uint8Array>, ...options: readonly string[]): Promise<string> {
  const { stderr, stdout } = await run(
    "gtlsclient",
    [
      ...options,
      "--exit-on-all-streams-close",
      `--download=${folder}`,
      "127.0.0.1",
      String(listener!.address.port),
      ...[...files.keys()].map((path) => `https://127.0.0.1${path}`),
    ],
    { timeout: 30_000, maxBuffer: 64 << 20 },
  );
  for (const [path, bytes] of files) expect(Buffer.compare(await readFile(join(folder, path)), bytes), path).toBe(0);
  return stderr + stdout;
}

test("files of 2, 3 and 5 MB", async () => {
  await fetchAll(await serve([2_000_000, 3_000_000, 5_000_000]), "-q");
});

test("200 files at once", async () => {
  await fetchAll(await serve(Array.from({ length: 200 }, () => 32)), "-q");
});

test("ChaCha20-Poly1305", async () => {
  const ciphers = "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519";
  await fetchAll(await serve([100_000]), "-q", ciphers);
});

test("an address is proven when the listener is busy", async () => {
  // One handshake at a time: whoever comes has to come with a token.
  const log = await fetchAll(await serve([10_000], { maxHandshakes: 1 }));
  expect(log).toMatch(/Retry/i);
});
