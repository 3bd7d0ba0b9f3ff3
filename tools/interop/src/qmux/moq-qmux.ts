/** The npm package @moq/qmux, unmodified: what we use of it, and servers on it. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type WebSocket, WebSocketServer } from "ws";
import { peerNpm } from "../peers/provision.ts";

/** A version it can be told to speak; the older wire is only ever spoken bare. */
export type QmuxVersion = "qmux-02" | "qmux-01" | "qmux-00";

/** A session of theirs: W3C's shape without the newer parts. */
export interface QmuxSession {
  readonly ready: Promise<void>;
  readonly closed: Promise<{ readonly closeCode?: number; readonly reason?: string }>;
  readonly protocol: string;
  readonly incomingBidirectionalStreams: ReadableStream<QmuxStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
    readonly maxDatagramSize: number;
  };
  createBidirectionalStream(): Promise<QmuxStream>;
  createUnidirectionalStream(): Promise<WritableStream<Uint8Array>>;
  close(info?: { readonly closeCode?: number; readonly reason?: string }): void;
}

export interface QmuxStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

interface Offer {
  readonly protocols: readonly string[];
  readonly versions: Readonly<Record<string, QmuxVersion | null>>;
  readonly requireProtocol?: boolean;
}

interface QmuxPackage {
  readonly default: {
    new (url: string, options: Offer): QmuxSession;
    accept(socket: WebSocket): QmuxSession;
  };
  selectSubprotocol(offered: string | undefined, options: Offer): string | undefined;
  readonly StreamError: new (code: number) => Error;
}

/** Loads it from where it was installed. */
export async function loadQmux(): Promise<QmuxPackage> {
  const file = join(peerNpm("@moq/qmux"), "node_modules/@moq/qmux/index.js");
  return (await import(pathToFileURL(file).href)) as QmuxPackage;
}

/** A server of theirs on loopback; `next` resolves with the next session. */
export interface QmuxServer extends AsyncDisposable {
  readonly url: string;
  next(): Promise<QmuxSession>;
}

/** Starts one that speaks `protocol` in one version, or only the bare versions if there is none. */
export async function startQmuxServer(qmux: QmuxPackage, offer: Offer): Promise<QmuxServer> {
  const waiting: ((session: QmuxSession) => void)[] = [];
  const sessions: QmuxSession[] = [];
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    handleProtocols: (offered) => qmux.selectSubprotocol([...offered].join(","), offer) ?? false,
  });
  server.on("connection", (socket) => {
    const session = qmux.default.accept(socket);
    const next = waiting.shift();
    if (next) next(session);
    else sessions.push(session);
  });
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    next: () =>
      new Promise((resolve) => {
        const session = sessions.shift();
        if (session) resolve(session);
        else waiting.push(resolve);
      }),
    [Symbol.asyncDispose]: async () => {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, "close");
    },
  };
}
