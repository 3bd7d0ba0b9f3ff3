/**
 * The cases of the WebTransport interop runner (https://interop.seemann.io/webtransport), for a peer that is our client's
 * server or our server's client. Their names are said from the client's point of view.
 */
import { expect } from "vitest";
import { test } from "../lab/lab.ts";
import { fetchFiles, type Kind, serveFiles } from "./exchange.ts";
import {
  differences,
  fetchedBy,
  makeFiles,
  openSession,
  sizesOf,
  startOurServer,
  startWebClient,
  startWebServer,
  type WebStack,
} from "./meeting.ts";

const kinds: readonly Kind[] = ["one-way", "both-ways", "datagrams"];

/** We fetch from the peer's server, and it from us. */
export function casesWithServer(stack: WebStack): void {
  for (const kind of kinds) {
    test(`transfer-${kind}-receive`, async ({ lab }) => {
      const files = makeFiles(sizesOf(kind));
      const { url } = await startWebServer(lab, stack, { files });
      const session = await openSession(lab, url("/"));
      expect(differences(files, await fetchFiles(session, kind, [...files.keys()]))).toEqual([]);
    });

    test(`transfer-${kind}-send`, async ({ lab }) => {
      const files = makeFiles(sizesOf(kind));
      const { program, url } = await startWebServer(lab, stack, { fetch: { kind, names: [...files.keys()] } });
      serveFiles(await openSession(lab, url("/")), files);
      await program.line(new RegExp(`^fetched ${files.size}$`), 30_000);
      expect(differences(files, await fetchedBy(lab))).toEqual([]);
    });
  }
}

/** The peer's client fetches from us, and we from it. */
export function casesWithClient(stack: WebStack): void {
  for (const kind of kinds) {
    test(`transfer-${kind}-receive`, async ({ lab }) => {
      const files = makeFiles(sizesOf(kind));
      const server = await startOurServer(lab);
      const program = await startWebClient(lab, stack, server.url("/"), { fetch: { kind, names: [...files.keys()] } });
      serveFiles(await server.session(), files);
      await program.line(new RegExp(`^fetched ${files.size}$`), 30_000);
      expect(differences(files, await fetchedBy(lab))).toEqual([]);
    });

    test(`transfer-${kind}-send`, async ({ lab }) => {
      const files = makeFiles(sizesOf(kind));
      const server = await startOurServer(lab);
      await startWebClient(lab, stack, server.url("/"), { files });
      expect(differences(files, await fetchFiles(await server.session(), kind, [...files.keys()]))).toEqual([]);
    });
  }
}
