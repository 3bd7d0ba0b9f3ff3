/**
 * The other side of a raw QUIC test, on quiche as npm's `@currentspace/http3` packs it: takes the flags and orders of
 * `go/quicpeer` and tells its facts in the same words, as far as that package goes: no one-way streams, no STOP_SENDING
 * apart from RESET_STREAM, codes of 32 bits except in a RESET_STREAM it receives.
 *
 *     node quiche-peer.ts FOLDER -listen 127.0.0.1:0 -cert chain.pem -key key.pem -alpn test
 *     node quiche-peer.ts FOLDER -connect 127.0.0.1:4433 -root root.pem -alpn test [-times 2]
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";

/** What of the package is used here. Its own types cannot be imported: it lives in the cache. */
interface Quiche {
  createQuicServer(options: object): QuicheServer;
  connectQuic(authority: string, options: object): QuicheSession & { ready(): Promise<void> };
}
interface QuicheServer {
  on(event: "session", listener: (session: QuicheSession) => void): void;
  listen(port: number, host: string): Promise<{ port: number }>;
}
interface QuicheSession {
  on(event: "stream", listener: (stream: QuicheStream) => void): void;
  on(event: "datagram", listener: (payload: Buffer) => void): void;
  on(event: "sessionTicket", listener: (ticket: Buffer) => void): void;
  on(event: "close", listener: (info: { errorCode: number; reason: string }) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  sendDatagram(payload: Buffer): boolean;
  close(code: number, reason: string): unknown;
}
type QuicheStream = Duplex & { close(code: number): void };

const [folder = ".", ...flags] = process.argv.slice(2);
const quiche = createRequire(`${folder}/`)("@currentspace/http3") as Quiche;
const flag = (name: string): string => (flags.includes(name) ? (flags[flags.indexOf(name) + 1] ?? "") : "");
const common = {
  alpn: flag("-alpn").split(","),
  enableDatagrams: true,
  maxIdleTimeoutMs: 30_000,
  runtimeMode: "portable", // the native addon without io_uring, which not every kernel has
  fallbackPolicy: "error",
};

if (flags.includes("-listen")) await serve();
else await connect();

async function serve(): Promise<void> {
  const server = quiche.createQuicServer({
    ...common,
    cert: readFileSync(flag("-cert")),
    key: readFileSync(flag("-key")),
  });
  server.on("session", attend);
  say(`listening ${(await server.listen(0, "127.0.0.1")).port}`);
}

/** With `-times`, again when the connection before is closed, with the last ticket that came on it. */
async function connect(): Promise<void> {
  let sessionTicket: Buffer | undefined;
  for (let times = Number(flag("-times") || 1); times > 0; times--) {
    const session = quiche.connectQuic(flag("-connect"), {
      ...common,
      ca: readFileSync(flag("-root")),
      servername: "localhost",
      ...(sessionTicket === undefined ? {} : { sessionTicket }),
    });
    session.on("sessionTicket", (ticket) => {
      sessionTicket = ticket;
    });
    const closed = new Promise<void>((resolve) => session.on("close", () => resolve()));
    attend(session);
    await session.ready().catch(() => {}); // told by "close" as well
    await closed;
  }
}

function attend(session: QuicheSession): void {
  session.on("stream", (stream) => follow(session, stream));
  session.on("datagram", (payload) => {
    session.sendDatagram(payload);
  });
  session.on("close", ({ errorCode, reason }) => say(`closed ${errorCode} ${reason}`));
  session.on("error", (error) => say(`failed ${error.message}`));
}

/** Does what the first line of a stream says. */
function follow(session: QuicheSession, stream: QuicheStream): void {
  let head = Buffer.alloc(0);
  stream.on("error", (error) => say(error.message.replace(/^StreamReset\((\d+)\)$/, "reset $1")));
  const gather = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\n");
    if (end < 0) return;
    stream.off("data", gather);
    stream.pause();
    if (end + 1 < head.length) stream.unshift(head.subarray(end + 1));
    obey(session, stream, head.subarray(0, end).toString());
  };
  stream.on("data", gather);
}

function obey(session: QuicheSession, stream: QuicheStream, line: string): void {
  const [order, code = "0", ...reason] = line.split(" ");
  switch (order) {
    case "echo":
      echo(stream);
      break;
    case "reset":
      stream.close(Number(code));
      break;
    case "close":
      session.close(Number(code), reason.join(" "));
      break;
    default:
      say(`unknown order ${line}`);
  }
}

/**
 * Sends everything back at once. Written chunk by chunk, as `pipe` does, a stream of the package can wait for ever: its own
 * qlog shows a megabyte of our credit unused meanwhile.
 */
function echo(stream: QuicheStream): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => stream.end(Buffer.concat(chunks)));
  stream.resume();
}

function say(fact: string): void {
  process.stdout.write(`${fact}\n`);
}
