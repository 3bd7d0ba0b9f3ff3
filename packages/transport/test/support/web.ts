/** A listener with WebTransport on loopback and clients of it. Everything opened is closed by `closeWeb`. */
import {
  type Listener,
  type ListenOptions,
  listen,
  type SessionRequest,
  WebTransport,
  type WebTransportOptions,
} from "@moqingbird/transport";
import { certificate, Inbox } from "./pair.ts";

const open: (Listener | WebTransport)[] = [];

/** Options of {@link web}. */
export interface WebServer {
  /** What is done with a session; without it each is accepted. */
  readonly onRequest?: (request: SessionRequest) => void | Promise<void>;
  readonly listen?: Partial<ListenOptions>;
  readonly maxSessions?: number;
  readonly answerTimeoutMs?: number;
  readonly origins?: readonly string[];
}

/** A listener and what it has accepted. */
export interface Web {
  readonly listener: Listener;
  readonly requests: Inbox<SessionRequest>;
  readonly sessions: Inbox<WebTransport>;
  url(path?: string): string;
}

export async function web({ onRequest, listen: options, ...rules }: WebServer = {}): Promise<Web> {
  const requests = new Inbox<SessionRequest>();
  const sessions = new Inbox<WebTransport>();
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await certificate(),
    webTransport: {
      onRequest: (request) => {
        requests.put(request);
        if (onRequest) return onRequest(request);
        sessions.put(request.accept());
      },
      ...rules,
    },
    ...options,
  });
  open.push(listener);
  return {
    listener,
    requests,
    sessions,
    url: (path = "/") => `https://127.0.0.1:${listener.address.port}${path}`,
  };
}

/** A client that pins the certificate of all tests. */
export async function dialled(url: string, options: WebTransportOptions = {}): Promise<WebTransport> {
  const value = (await certificate()).sha256;
  const session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: "sha-256", value }], ...options });
  open.push(session);
  return session;
}

/** A session from both sides. */
export async function sessionPair(
  options: WebServer = {},
): Promise<{ client: WebTransport; server: WebTransport; web: Web }> {
  const served = await web(options);
  const client = await dialled(served.url());
  const [server] = await Promise.all([served.sessions.next(), client.ready]);
  return { client, server, web: served };
}

export async function closeWeb(): Promise<void> {
  await Promise.all(
    open.splice(0).map(async (item) => {
      if (item instanceof WebTransport) await item[Symbol.asyncDispose]();
      else await item.close();
    }),
  );
}

/** Everything a readable stream has. */
export async function all(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The next item of a readable stream. */
export async function next<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader();
  const { value, done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error("the stream has ended");
  return value;
}

/** Writes and closes. */
export async function send(writable: WritableStream<Uint8Array>, bytes: Uint8Array | string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  await writer.close();
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
