/**
 * Deno's own WebTransport (quinn) as a client of ours. Deno runs this file; it takes the flags of `go/wtpeer` and tells the
 * same facts. The authority it trusts comes in the environment variable DENO_CERT.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fetchFiles, type Kind, type Session } from "./exchange.ts";

/** What of W3C's classes is used here. */
interface ClientSession extends Session {
  readonly ready: Promise<void>;
  readonly closed: Promise<{ readonly closeCode: number; readonly reason: string } | undefined>;
  close(info: { closeCode: number; reason: string }): void;
}
interface Web {
  readonly WebTransport: new (url: string) => ClientSession;
}
type BothWays = Awaited<ReturnType<Session["createBidirectionalStream"]>>;

const { WebTransport } = globalThis as unknown as Web;
const lineFeed = 10;
const { values: flags, positionals: names } = parseArgs({
  args: process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z])/, "--")),
  options: {
    connect: { type: "string", default: "" },
    root: { type: "string" },
    files: { type: "string", default: "." },
    into: { type: "string", default: "." },
    fetch: { type: "string" },
  },
  allowPositionals: true,
});

const session = new WebTransport(flags.connect);
session.closed.then(
  (info) => say(info === undefined ? "closed" : `closed remote=true ${info.closeCode} ${info.reason}`),
  (error) => say(`closed ${error}`),
);
await session.ready;
say("session");
if (flags.fetch !== undefined) await fetchAll(flags.fetch as Kind);
else await obeyAll();
await session.closed.catch(() => {});

async function fetchAll(kind: Kind): Promise<void> {
  const files = await fetchFiles(session, kind, names);
  for (const [name, bytes] of files) await writeFile(join(flags.into, name), bytes);
  say(`fetched ${files.size}`);
}

async function obeyAll(): Promise<void> {
  for await (const stream of session.incomingBidirectionalStreams) {
    obey(stream).catch((error) => {
      say(`stream ended: ${error}`);
    });
  }
}

/** Does what the first line of a stream says: "ECHO" sends the rest back, "CLOSE CODE REASON" ends the session. */
async function obey({ readable, writable }: BothWays): Promise<void> {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const head: number[] = [];
  while (!head.includes(lineFeed)) {
    const { value, done } = await reader.read();
    if (done) return;
    head.push(...value);
  }
  const end = head.indexOf(lineFeed);
  const line = new TextDecoder().decode(Uint8Array.from(head.slice(0, end)));
  const [order, word, ...reason] = line.split(" ");
  const code = Number(word);
  if (order === "CLOSE") session.close({ closeCode: code, reason: reason.join(" ") });
  else {
    await writer.write(Uint8Array.from(head.slice(end + 1)));
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return writer.close();
      await writer.write(value);
    }
  }
}

function say(fact: string): void {
  console.log(fact);
}
