/**
 * Files asked for and served over any W3C WebTransport: our class, or that of a runtime which runs this very file. A request
 * is a line of a stream or a whole datagram, "GET NAME". Both ways the file comes back; one way and in datagrams it comes as
 * "PUSH NAME", a line feed and the bytes. (`go/wtpeer` and `python/aioquic_peer.py` are the same in other languages.)
 */

/** What of a session is used. */
export interface Session {
  readonly incomingBidirectionalStreams: ReadableStream<BothWays>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>;
    /** Where it is not there yet, `writable` is. */
    createWritable?(): WritableStream<Uint8Array>;
    readonly writable?: WritableStream<Uint8Array>;
  };
  createBidirectionalStream(): Promise<BothWays>;
  createUnidirectionalStream(): Promise<WritableStream<Uint8Array>>;
}

interface BothWays {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** Over what files are fetched. */
export type Kind = "both-ways" | "one-way" | "datagrams";

type Files = ReadonlyMap<string, Uint8Array>;

/** How far apart requests in datagrams leave, and how long an answer may take before it is asked for again. */
const datagramIntervalMs = 20;
const datagramPatienceMs = 500;
const lineFeed = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Answers what is asked over streams and datagrams, until the session is over. */
export function serveFiles(session: Session, files: Files): void {
  for (const work of [serveBothWays, serveOneWay, serveDatagrams]) untilOver(work(session, files));
}

/** Fetches all the files at the same time; datagrams in turn. */
export async function fetchFiles(session: Session, kind: Kind, names: readonly string[]): Promise<Files> {
  if (kind === "both-ways") {
    return new Map(await Promise.all(names.map(async (name) => [name, await fetchBothWays(session, name)] as const)));
  }
  return kind === "one-way" ? fetchOneWay(session, names) : fetchDatagrams(session, names);
}

async function serveBothWays(session: Session, files: Files): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    untilOver(lineOf(readable).then((request) => send(writable, fileOf(files, request).payload)));
  }
}

async function serveOneWay(session: Session, files: Files): Promise<void> {
  const answer = async (request: string) => send(await session.createUnidirectionalStream(), push(files, request));
  for await (const readable of session.incomingUnidirectionalStreams) untilOver(lineOf(readable).then(answer));
}

async function serveDatagrams(session: Session, files: Files): Promise<void> {
  const writer = datagramWriter(session);
  for await (const request of session.datagrams.readable) await writer.write(push(files, decoder.decode(request)));
}

/** The other side may end the session as soon as it has everything: before what it has is acknowledged. */
function untilOver(work: Promise<unknown>): void {
  work.catch(() => {});
}

async function fetchBothWays(session: Session, name: string): Promise<Uint8Array> {
  const { readable, writable } = await session.createBidirectionalStream();
  const [payload] = await Promise.all([bytesOf(readable), send(writable, encoder.encode(`GET ${name}\n`))]);
  return payload;
}

async function fetchOneWay(session: Session, names: readonly string[]): Promise<Files> {
  const reader = session.incomingUnidirectionalStreams.getReader();
  const [answers] = await Promise.all([
    Promise.all(names.map(async () => pushed(await bytesOf((await reader.read()).value)))),
    ...names.map(async (name) => send(await session.createUnidirectionalStream(), encoder.encode(`GET ${name}\n`))),
  ]);
  return new Map(answers);
}

/** Asks again for what stays away: datagrams may be lost. */
async function fetchDatagrams(session: Session, names: readonly string[]): Promise<Files> {
  const writer = datagramWriter(session);
  const missing = new Set(names);
  const askedAt = new Map<string, number>();
  const timer = setInterval(() => {
    const now = performance.now();
    const name = [...missing].find((each) => now - (askedAt.get(each) ?? -datagramPatienceMs) >= datagramPatienceMs);
    if (name === undefined) return;
    askedAt.set(name, now);
    writer.write(encoder.encode(`GET ${name}`)).catch(() => {}); // reading fails too, and tells
  }, datagramIntervalMs);
  const files = new Map<string, Uint8Array>();
  try {
    const reader = session.datagrams.readable.getReader();
    while (missing.size > 0) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`The session is over; ${missing.size} datagrams are missing.`);
      const [name, payload] = pushed(value);
      missing.delete(name);
      files.set(name, payload);
    }
    return files;
  } finally {
    clearInterval(timer);
  }
}

function datagramWriter({ datagrams }: Session): WritableStreamDefaultWriter<Uint8Array> {
  const writable = datagrams.createWritable?.() ?? datagrams.writable;
  if (writable === undefined) throw new Error("Datagrams cannot be sent.");
  return writable.getWriter();
}

function push(files: Files, request: string): Uint8Array {
  const { name, payload } = fileOf(files, request);
  const head = encoder.encode(`PUSH ${name}\n`);
  const whole = new Uint8Array(head.length + payload.length);
  whole.set(head);
  whole.set(payload, head.length);
  return whole;
}

function pushed(bytes: Uint8Array): [name: string, payload: Uint8Array] {
  const end = bytes.indexOf(lineFeed);
  const [, name] = /^PUSH (.+)$/.exec(decoder.decode(bytes.subarray(0, end))) ?? [];
  if (name === undefined) throw new Error("That is no PUSH.");
  return [name, bytes.slice(end + 1)];
}

function fileOf(files: Files, request: string): { name: string; payload: Uint8Array } {
  const [, name = ""] = /^GET (.+)$/.exec(request) ?? [];
  const payload = files.get(name);
  if (payload === undefined) throw new Error(`There is no file called ${JSON.stringify(name)}.`);
  return { name, payload };
}

async function send(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

/** The first line, whether the stream ends with it or not: not every peer ends its streams. */
async function lineOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  const reader = readable.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    text += decoder.decode(value);
    if (done || text.includes("\n")) return text.replace(/\n.*$/s, "");
  }
}

async function bytesOf(readable: ReadableStream<Uint8Array> | undefined): Promise<Uint8Array> {
  if (readable === undefined) throw new Error("There is no further stream.");
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of readable) {
    chunks.push(chunk);
    total += chunk.length;
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
