/** Our server for browsers: what each path does is told beside it. */
import {
  generateCertificate,
  type Listener,
  listen,
  type SessionRequest,
  type WebTransport,
  WebTransportError,
} from "@moqingbird/transport";

/** A running server and what it saw. */
export interface EchoServer {
  readonly listener: Listener;
  /** SHA-256 of its certificate, for `serverCertificateHashes`. */
  readonly certificateHash: readonly number[];
  readonly requests: SessionRequest[];
  /** Sessions in the order they were accepted. */
  readonly sessions: WebTransport[];
  url(path: string): string;
  /** The session of this number, when it is there. */
  session(index: number): Promise<WebTransport>;
}

/** Starts it on a free port of IPv4 loopback; if wanted, for WebSockets too. */
export async function startEchoServer({ webSocket = false } = {}): Promise<EchoServer> {
  const certificate = await generateCertificate({ names: ["localhost", "127.0.0.1"] });
  const requests: SessionRequest[] = [];
  const sessions: WebTransport[] = [];
  const waiting = new Map<number, (session: WebTransport) => void>();
  const listener = await listen({
    host: "127.0.0.1",
    certificate,
    webSocket,
    webTransport: {
      onRequest: (request) => {
        requests.push(request);
        if (request.url.pathname === "/reject") {
          request.reject(403);
          return;
        }
        const [protocol] = request.protocols;
        const session = request.accept(protocol === undefined ? {} : { protocol });
        waiting.get(sessions.push(session) - 1)?.(session);
        serve(request.url.pathname, session);
      },
    },
    fetch: () => new Response("ok"),
  });
  return {
    listener,
    certificateHash: [...certificate.sha256],
    requests,
    sessions,
    session: (index) => {
      const there = sessions[index];
      return there ? Promise.resolve(there) : new Promise((resolve) => waiting.set(index, resolve));
    },
    url: (path) => `https://127.0.0.1:${listener.address.port}${path}`,
  };
}

function serve(path: string, session: WebTransport): void {
  const work: Promise<unknown>[] = [];
  switch (path) {
    case "/echo": // streams both ways come back, one-way streams on a one-way stream of ours, datagrams as datagrams
      work.push(echoBidirectional(session), echoUnidirectional(session));
      work.push(session.datagrams.readable.pipeTo(session.datagrams.createWritable()));
      break;
    case "/open": // opens one stream of each kind and writes to it
      work.push(openBoth(session));
      break;
    case "/close": // closes with code and words once the client has said something
      work.push(
        next(session.incomingUnidirectionalStreams).then(() => session.close({ closeCode: 7, reason: "so long" })),
      );
      break;
    case "/codes": // resets with 41 what it would send, and stops with 42 what it receives
      work.push(refuse(session));
      break;
  }
  for (const task of work) task.catch(() => {}); // the browser leaves when it has seen what it wants
}

async function echoBidirectional({ incomingBidirectionalStreams }: WebTransport): Promise<void> {
  for await (const { readable, writable } of incomingBidirectionalStreams) readable.pipeTo(writable).catch(() => {});
}

async function echoUnidirectional(session: WebTransport): Promise<void> {
  for await (const readable of session.incomingUnidirectionalStreams) {
    readable.pipeTo(await session.createUnidirectionalStream()).catch(() => {});
  }
}

async function openBoth(session: WebTransport): Promise<void> {
  const { writable } = await session.createBidirectionalStream();
  for (const stream of [writable, await session.createUnidirectionalStream()]) {
    const writer = stream.getWriter();
    await writer.write(new TextEncoder().encode("from the server"));
    await writer.close();
  }
}

async function refuse(session: WebTransport): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    await writable.abort(new WebTransportError("", { streamErrorCode: 41 }));
    await readable.cancel(new WebTransportError("", { streamErrorCode: 42 }));
  }
}

async function next<T>(readable: ReadableStream<T>): Promise<T | undefined> {
  const { value } = await readable.getReader().read();
  return value;
}
