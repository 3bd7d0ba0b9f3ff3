/** A WebTransport session between ours and another stack's program, either one being the server. */
import { readFile } from "node:fs/promises";
import { type Listener, listen, loadCertificate, WebTransport } from "@moqingbird/transport";
import { onTestFinished } from "vitest";
import { type Files, intoFolder, writeFiles } from "../lab/file-set.ts";
import type { Lab } from "../lab/lab.ts";
import type { Program } from "../lab/program.ts";
import type { Kind } from "./exchange.ts";

/** Other people's WebTransport, as programs that take the flags of `go/wtpeer`. */
export interface WebStack {
  readonly name: string;
  readonly server?: (lab: Lab) => Command;
  readonly client?: (lab: Lab) => Command;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** What the peer does. */
export interface PeerOptions {
  /** Names of application protocols it offers or takes, in its order. */
  readonly protocols?: readonly string[];
  /** What it serves. */
  readonly files?: Files;
  /** What it asks for, and over which kind of stream, or by plain requests where it knows these. */
  readonly fetch?: { readonly kind: Kind | "http"; readonly names: readonly string[] };
}

/** Our server on a free port, with one session per request in the order they come. */
export interface OurServer {
  readonly listener: Listener;
  url(path: string): string;
  /** Waits for the next session. */
  session(): Promise<WebTransport>;
}

/** Sizes of the WebTransport interop runner, in bytes: all at the same time. */
export const streamFileBytes: readonly number[] = [100_000, 500_000, 250_000, 1_000_000, 2_000_000];
/** The same for datagrams, one after the other: 200 files that each fit into one. */
export const datagramFileBytes: readonly number[] = Array.from({ length: 200 }, (_, i) => 600 + 2 * i);

export const sizesOf = (kind: Kind): readonly number[] => (kind === "datagrams" ? datagramFileBytes : streamFileBytes);

/** The peer's program as a server. */
export async function startWebServer(
  lab: Lab,
  stack: WebStack,
  options: PeerOptions = {},
): Promise<{ program: Program; url(path: string): string }> {
  const { chain, key } = lab.certificate;
  const program = await startPeer(lab, stack.name, stack.server, options, [
    "-listen",
    "127.0.0.1:0",
    "-cert",
    chain,
    "-key",
    key,
  ]);
  const [, port] = await program.line(/^listening (\d+)$/);
  return { program, url: (path) => `https://127.0.0.1:${port}${path}` };
}

/** The peer's program as a client of ours. */
export function startWebClient(lab: Lab, stack: WebStack, url: string, options: PeerOptions = {}): Promise<Program> {
  return startPeer(lab, stack.name, stack.client, options, ["-connect", url, "-root", lab.certificate.root]);
}

/** Our client, which verifies the peer's certificate. */
export async function openSession(lab: Lab, url: string, protocols: readonly string[] = []): Promise<WebTransport> {
  const roots = [await readFile(lab.certificate.root, "utf8")];
  const session = new WebTransport(url, { protocols, trust: { roots } });
  onTestFinished(() => session.close());
  await session.ready;
  return session;
}

/** Our server. Of the protocols a client offers it takes the first it knows; the path /refused it answers with 403. */
export async function startOurServer(lab: Lab, protocols: readonly string[] = []): Promise<OurServer> {
  const sessions: WebTransport[] = [];
  const waiting: ((session: WebTransport) => void)[] = [];
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await loadCertificate(lab.certificate),
    webTransport: {
      onRequest: (request) => {
        if (request.url.pathname === "/refused") return request.reject(403);
        const protocol = request.protocols.find((name) => protocols.includes(name));
        const session = request.accept(protocol === undefined ? {} : { protocol });
        const first = waiting.shift();
        if (first === undefined) sessions.push(session);
        else first(session);
      },
    },
  });
  onTestFinished(() => listener.close());
  return {
    listener,
    url: (path) => `https://127.0.0.1:${listener.address.port}${path}`,
    session: () => {
      const session = sessions.shift();
      return session === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(session);
    },
  };
}

async function startPeer(
  lab: Lab,
  name: string,
  command: ((lab: Lab) => Command) | undefined,
  { protocols = [], files = new Map(), fetch }: PeerOptions,
  args: readonly string[],
): Promise<Program> {
  if (command === undefined) throw new Error(`${name} has no such side.`);
  const { program, args: first, env = {} } = command(lab);
  const [from, into] = [await writeFiles(lab, files), await intoFolder(lab)];
  const offered = protocols.length > 0 ? ["-protocols", protocols.join(",")] : [];
  const fetching = fetch === undefined ? [] : ["-fetch", fetch.kind, ...fetch.names];
  return lab.start({
    name,
    program,
    env,
    args: [...first, ...args, "-files", from, "-into", into, ...offered, ...fetching],
  });
}
