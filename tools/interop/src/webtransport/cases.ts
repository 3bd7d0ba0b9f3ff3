/**
 * What our W3C WebTransport does with every other stack: the file transfers of the WebTransport interop runner
 * (quic-interop-runner), their names said from the client's point of view, and codes and endings.
 */
import { type WebTransport, WebTransportError } from "@moqingbird/transport";
import { expect } from "vitest";
import { differences, fetchedBy, makeFiles } from "../lab/file-set.ts";
import { type Lab, test } from "../lab/lab.ts";
import type { Program } from "../lab/program.ts";
import { fetchFiles, type Kind, serveFiles } from "./exchange.ts";
import {
  openSession,
  type PeerOptions,
  sizesOf,
  startOurServer,
  startWebClient,
  startWebServer,
  type WebStack,
} from "./meeting.ts";

/** What the peer is. */
export type PeerRole = "server" | "client";

/** A session of ours, and the program at its other end. */
export interface Pair {
  readonly session: WebTransport;
  readonly program: Program;
}

const kinds: readonly Kind[] = ["one-way", "both-ways", "datagrams"];
/** Stream codes where the mapping to HTTP/3 skips a reserved one, and the ends of the range. */
const streamCodes = [0, 1, 29, 30, 31, 0xffff_ffff];
/** Longest that a transfer may take. */
const transferMs = 30_000;

const encoder = new TextEncoder();

/** Starts the peer and brings the session about. `protocols` are ours. */
export async function meetWeb(
  lab: Lab,
  stack: WebStack,
  role: PeerRole,
  options: PeerOptions = {},
  protocols: readonly string[] = [],
): Promise<Pair> {
  if (role === "server") {
    const { program, url } = await startWebServer(lab, stack, options);
    return { program, session: await openSession(lab, url("/"), protocols) };
  }
  const server = await startOurServer(lab, protocols);
  const program = await startWebClient(lab, stack, server.url("/"), options);
  return { program, session: await server.session() };
}

/** Files fetched by the client ("receive") and by the server ("send"), over each kind of stream. */
export function transferCases(stack: WebStack, role: PeerRole): void {
  for (const kind of kinds) {
    const [ours, theirs] = role === "server" ? ["receive", "send"] : ["send", "receive"];

    test(`transfer-${kind}-${ours}`, async ({ lab }) => {
      const files = makeFiles(sizesOf(kind));
      const { session } = await meetWeb(lab, stack, role, { files });
      expect(differences(files, await fetchFiles(session, kind, [...files.keys()]))).toEqual([]);
    });

    test(`transfer-${kind}-${theirs}`, async ({ lab }) => {
      const files = makeFiles(sizesOf(kind));
      const { session, program } = await meetWeb(lab, stack, role, { fetch: { kind, names: [...files.keys()] } });
      serveFiles(session, files);
      await program.line(new RegExp(`^fetched ${files.size}$`), transferMs);
      expect(differences(files, await fetchedBy(lab))).toEqual([]);
    });
  }
}

/** Codes of streams both ways, and endings that we bring about. */
export function codeCases(stack: WebStack, role: PeerRole): void {
  test("reset and stop codes arrive both ways", async ({ lab }) => {
    const { session, program } = await meetWeb(lab, stack, role);
    for (const code of streamCodes) {
      expect(await codeOf((await order(session, `RESET ${code}`)).reader.read())).toBe(code);
      expect(await codeOf((await order(session, `STOP ${code}`)).writer.closed)).toBe(code);

      const reset = await order(session, "ECHO");
      await reset.writer.write(encoder.encode("until here"));
      expect(Buffer.from((await reset.reader.read()).value ?? []).toString()).toBe("until here");
      await reset.writer.abort(new WebTransportError("", { streamErrorCode: code }));
      await program.line(new RegExp(`^reset ${code}$`));

      const stop = await order(session, "ECHO");
      await stop.writer.write(encoder.encode("no more"));
      await stop.reader.read();
      await stop.reader.cancel(new WebTransportError("", { streamErrorCode: code }));
      await program.line(new RegExp(`^stopped ${code}$`));
    }
  });

  test("our close code and words arrive", async ({ lab }) => {
    const { session, program } = await meetWeb(lab, stack, role);
    session.close({ closeCode: 0xffff_ffff, reason: "goodbye, señora" });
    await program.line(/^closed remote=true 4294967295 goodbye, señora$/);
  });

  test("a refused session is told its status", async ({ lab }) => {
    if (role === "server") {
      const { url } = await startWebServer(lab, stack);
      const cause = { code: "session-rejected", status: 403 };
      await expect(openSession(lab, url("/refused"))).rejects.toMatchObject({ cause });
    } else {
      const server = await startOurServer(lab);
      const program = await startWebClient(lab, stack, server.url("/refused"));
      await program.line(/^status 403$/);
    }
  });
}

/** The peer ends the session. */
export function closedByPeerCase(stack: WebStack, role: PeerRole): void {
  test("the peer's close code and words arrive", async ({ lab }) => {
    const { session } = await meetWeb(lab, stack, role);
    await order(session, "CLOSE 4294967295 that was all, añadió");
    expect(await session.closed).toEqual({ closeCode: 0xffff_ffff, reason: "that was all, añadió" });
  });
}

/** Opens a stream both ways whose first line is the order. */
export async function order(session: WebTransport, line: string) {
  const { readable, writable } = await session.createBidirectionalStream();
  const writer = writable.getWriter();
  await writer.write(encoder.encode(`${line}\n`));
  return { reader: readable.getReader(), writer };
}

const codeOf = (promise: Promise<unknown>): Promise<number | null | string> =>
  promise.then(
    () => "no error",
    (error: WebTransportError) => error.streamErrorCode,
  );
