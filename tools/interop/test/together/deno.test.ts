/**
 * Deno's own WebTransport, as client of our server. What ends a stream of its own it does not send (docs/INTEROP.md), so no
 * test waits for that.
 */
import { join } from "node:path";
import { inRoot } from "@moqingbird/toolchain";
import { WebTransportError } from "@moqingbird/transport";
import { expect } from "vitest";
import { differences, fetchedBy, makeFiles } from "../../src/lab/file-set.ts";
import { newSeed, seededBytes } from "../../src/lab/files.ts";
import { test } from "../../src/lab/lab.ts";
import { peerNpm } from "../../src/peers/provision.ts";
import { meetWeb, order } from "../../src/webtransport/cases.ts";
import { serveFiles } from "../../src/webtransport/exchange.ts";
import { sizesOf, type WebStack } from "../../src/webtransport/meeting.ts";

const flags = ["run", "--no-config", "--no-lock", "--no-check", "--quiet", "-A", "--unstable-net"];
const stack: WebStack = {
  name: "Deno",
  client: (lab) => ({
    program: join(peerNpm("deno"), "node_modules/.bin/deno"),
    args: [...flags, inRoot("tools/interop/src/webtransport/deno-peer.ts")],
    env: { DENO_CERT: lab.certificate.root },
  }),
};

for (const kind of ["one-way", "both-ways", "datagrams"] as const) {
  test(`transfer-${kind}-receive`, async ({ lab }) => {
    const files = makeFiles(sizesOf(kind));
    const { session, program } = await meetWeb(lab, stack, "client", { fetch: { kind, names: [...files.keys()] } });
    serveFiles(session, files);
    await program.line(new RegExp(`^fetched ${files.size}$`), 30_000);
    expect(differences(files, await fetchedBy(lab))).toEqual([]);
  });
}

test("2 MB come back on a stream that we opened", async ({ lab }) => {
  const { session } = await meetWeb(lab, stack, "client");
  const { reader, writer } = await order(session, "ECHO");
  const bytes = seededBytes(newSeed(), 2_000_000);
  const sent = writer.write(bytes);
  const back: Uint8Array[] = [];
  for (let length = 0; length < bytes.length; ) {
    const { value } = await reader.read();
    expect(value).toBeDefined();
    back.push(value as Uint8Array);
    length += (value as Uint8Array).length;
  }
  await sent;
  expect(Buffer.compare(Buffer.concat(back), bytes)).toBe(0);
});

test("our reset codes arrive", async ({ lab }) => {
  const { session, program } = await meetWeb(lab, stack, "client");
  for (const code of [0, 1, 30, 0xffff_ffff]) {
    const { reader, writer } = await order(session, "ECHO");
    await writer.write(new TextEncoder().encode("until here"));
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("until here");
    await writer.abort(new WebTransportError("", { streamErrorCode: code }));
    // It shows the code as HTTP/3 carries it (draft-ietf-webtrans-http3 section 4.4).
    await program.line(new RegExp(`error ${0x52e4_a40f_a8db + code + Math.floor(code / 0x1e)}$`));
  }
});

test("the code and words it closes with are told, though it closes the connection", async ({ lab }) => {
  const { session } = await meetWeb(lab, stack, "client");
  await order(session, "CLOSE 4294967295 that was all, añadió");
  await expect(session.closed).rejects.toThrow(/0xffffffff: that was all, añadió/);
});
