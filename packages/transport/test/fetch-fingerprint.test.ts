import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { fetchFingerprint } from "../src/tls/fetch-fingerprint.ts";

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serving(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  open.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const hex = "0123456789abcdef".repeat(4);

test("the fingerprint is fetched from its place at the host, whatever the URL's path", async () => {
  const asked: (string | undefined)[] = [];
  const url = await serving((request, response) => {
    asked.push(request.url);
    response.end(`${hex}\n`);
  });
  expect(Buffer.from(await fetchFingerprint(`${url}/rooms/1?jwt=secret`)).toString("hex")).toBe(hex);
  expect(asked).toEqual(["/certificate.sha256"]);
});

test("what is no fingerprint is not believed", async () => {
  const answers = [
    [(_, response) => response.writeHead(404).end(), "HTTP status 404"],
    [(_, response) => response.end("hello"), "64 hex digits"],
    [(_, response) => response.end("ab".repeat(1000)), "more than a fingerprint"],
    [(_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), "redirect"],
  ] satisfies [RequestListener, string][];
  for (const [answer, says] of answers) {
    const failed = await fetchFingerprint(await serving(answer)).catch((error: Error) => error);
    expect(failed).toMatchObject({ code: "certificate-untrusted", message: expect.stringContaining(says) });
  }
});

test("who does not answer is told apart: refusing, silent, unknown, aborted, not http:", async () => {
  const silent = await serving(() => {});
  await expect(fetchFingerprint(silent, { timeoutMs: 30 })).rejects.toMatchObject({ code: "handshake-timeout" });
  const abort = new AbortController();
  const aborted = fetchFingerprint(silent, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(aborted).rejects.toThrow("enough");
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await expect(fetchFingerprint(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: "connection-refused" });
  await expect(fetchFingerprint("https://127.0.0.1")).rejects.toMatchObject({ code: "option-invalid" });
  await expect(fetchFingerprint("nonsense")).rejects.toMatchObject({ code: "option-invalid" });
});
