/** A listener with WebSocket on loopback and byte-oriented clients of it. Everything opened is closed by `closeSockets`. */
import {
  type Connection,
  type ConnectionHandler,
  type ConnectWebSocketOptions,
  connectWebSocket,
  type Listener,
  type ListenOptions,
  listen,
  type SessionRequest,
  type WebTransport,
} from "@moqingbird/transport";
import { certificate, Inbox } from "../support/pair.ts";

const open: (Listener | Connection)[] = [];

export interface SocketServer {
  readonly listener: Listener;
  readonly requests: Inbox<SessionRequest>;
  readonly sessions: Inbox<WebTransport>;
  url(scheme?: "ws" | "wss" | "http" | "https", path?: string): string;
}

/** A listener that accepts what is asked for, with the protocol the client likes best. */
export async function socketServer(
  options: Partial<ListenOptions> & {
    readonly onRequest?: (request: SessionRequest) => void;
    readonly serve?: (connection: Connection) => Partial<ConnectionHandler>;
    readonly origins?: readonly string[];
    readonly answerTimeoutMs?: number;
  } = {},
): Promise<SocketServer> {
  const { onRequest, serve, origins, answerTimeoutMs, ...rest } = options;
  const requests = new Inbox<SessionRequest>();
  const sessions = new Inbox<WebTransport>();
  const listener = await listen({
    host: "127.0.0.1",
    certificate: await certificate(),
    webSocket: true,
    webTransport: {
      ...(origins && { origins }),
      ...(answerTimeoutMs && { answerTimeoutMs }),
      onRequest: (request) => {
        requests.put(request);
        if (onRequest) return onRequest(request);
        const [protocol] = request.protocols;
        const session = request.accept(protocol === undefined ? {} : { protocol });
        const { connection } = session;
        if (serve && connection) connection.handler = serve(connection);
        sessions.put(session);
      },
    },
    ...rest,
  });
  open.push(listener);
  return {
    listener,
    requests,
    sessions,
    url: (scheme = "wss", path = "/") => `${scheme}://127.0.0.1:${listener.address.port}${path}`,
  };
}

/** A client that pins the certificate of all tests. */
export async function socketClient(url: string, options: ConnectWebSocketOptions = {}): Promise<Connection> {
  const connection = await connectWebSocket(url, {
    protocols: ["test"],
    trust: { sha256: [(await certificate()).sha256] },
    ...options,
  });
  open.push(connection);
  return connection;
}

export async function closeSockets(): Promise<void> {
  await Promise.all(
    open.splice(0).map(async (item) => {
      if ("openUnidirectional" in item) {
        item.close();
        await item.closed;
      } else await item.close();
    }),
  );
}
