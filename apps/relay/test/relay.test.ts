import { connect, generateCertificate } from "@moqingbird/transport";
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
