/** `listen`: one UDP port for raw QUIC, by application protocol, and for HTTP/3 with WebTransport sessions on it. */
import type { CloseOptions, Connection } from "./connection.ts";
import type { FetchHandler } from "./h3/fetch-exchange.ts";
import { Http3Server } from "./h3/server.ts";
import { type Listener, listenQuic, type QuicListenOptions } from "./quic/listener.ts";
import { type Runtime, runtime } from "./quic/runtime.ts";
import { type SessionRequest, sessionRequest } from "./webtransport/session-request.ts";

/** Options of {@link listen}. */
export interface ListenOptions extends Omit<QuicListenOptions, "alpn" | "onConnection"> {
  /**
   * Application protocols taken, the favourite first: the first that the client offers too is used. "h3" is added behind
   * them for `webTransport` and `fetch`, unless it is named. Default: none beside that.
   */
  readonly alpn?: readonly string[];
  /** Called for each connection whose handshake is done, before its first stream: set `connection.handler` here. Not for "h3". */
  readonly onConnection?: (connection: Connection) => void;
  /** Takes WebTransport sessions over HTTP/3. Raises the default of `transport.maxBidiStreams` to 256, as `fetch` does. */
  readonly webTransport?: WebTransportListenOptions;
  /** Answers plain GET and HEAD requests over HTTP/3, in the form of the Fetch standard. Default: status 404. */
  readonly fetch?: FetchHandler;
}

/** How a listener takes WebTransport sessions. */
export interface WebTransportListenOptions {
  /** Called for each session a client asks for: `accept` or `reject` it, at once or later. What it throws is status 500. */
  readonly onRequest: (request: SessionRequest) => void | Promise<void>;
  /** Origins taken, as browsers send them ("https://example.com"); others get status 403. Default: all. */
  readonly origins?: readonly string[];
  /** Sessions at a time on one connection; more are rejected (H3_REQUEST_REJECTED). Default 16. */
  readonly maxSessions?: number;
  /** A session not answered for so long gets status 503, in milliseconds. Default 10000. */
  readonly answerTimeoutMs?: number;
}

const http3 = "h3";
/** Streams both ways a client may have open by default: browsers fail to open one above the limit, they do not wait. */
const defaultMaxBidiStreams = 256;
const defaultMaxSessions = 16;
const defaultAnswerTimeoutMs = 10_000;

/**
 * Listens. Errors: `address-in-use`, `address-invalid`, `certificate-unreadable`, `key-unreadable`, `key-mismatch`,
 * `option-invalid`.
 */
export function listen(options: ListenOptions): Promise<Listener> {
  return listenOn(runtime(), options);
}

/** `listen` on a runtime that is not this thread's: a simulated process. */
export function listenOn(shared: Runtime, options: ListenOptions): Promise<Listener> {
  const { webTransport, fetch, alpn = [], onConnection = ignore, ...rest } = options;
  if (webTransport === undefined && fetch === undefined) return listenQuic(shared, { ...rest, alpn, onConnection });
  const server = new Http3Server({
    timers: shared.executor,
    fetch,
    sessions: webTransport && {
      onOffer: (offer) => webTransport.onRequest(sessionRequest(offer)),
      origins: webTransport.origins,
      maxSessions: webTransport.maxSessions ?? defaultMaxSessions,
      answerTimeoutMs: webTransport.answerTimeoutMs ?? defaultAnswerTimeoutMs,
    },
  });
  return listenQuic(
    shared,
    {
      ...rest,
      transport: { maxBidiStreams: defaultMaxBidiStreams, ...rest.transport },
      alpn: alpn.includes(http3) ? alpn : [...alpn, http3],
      onConnection: (connection) => {
        if (connection.protocol === http3) server.serve(connection);
        else onConnection(connection);
      },
    },
    (close: CloseOptions) => server.shutdown(close),
  );
}

function ignore(): void {}
