/** A client's request for a WebTransport session: extended CONNECT (RFC 9220), and what the server makes of it. */
import { SessionRejectedError, TransportError } from "../errors.ts";
import { type Http3Error, nameOfCode } from "./codes.ts";
import type { FieldLine } from "./field-line.ts";
import type { Http3Connection } from "./http3-connection.ts";
import { fieldOf, type RequestHead, requestLines, responseHead } from "./message.ts";
import type { AfterHead, MessageHandler, MessageStream } from "./message-stream.ts";
import { availableProtocols, availableProtocolsField, parseProtocol, protocolField } from "./protocols.ts";
import { Http3Session } from "./session.ts";
import type { PeerAbilities } from "./settings.ts";

/** What is asked for. */
export interface SessionTarget {
  /** Host and port as in the URL. */
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  readonly fields: readonly FieldLine[];
  /** Application protocols, the favourite first. */
  readonly protocols: readonly string[];
}

/** A session a server has accepted. */
export interface OpenedSession {
  readonly session: Http3Session;
  /** Header fields of the answer. */
  readonly headers: Headers;
}

/**
 * Asks for a session. Errors: `webtransport-unsupported`, `session-rejected` (a `SessionRejectedError`), `peer-closed`,
 * `closed`, `http-violation`, how the connection ended, and the reason of `signal`.
 */
export async function openSession(
  http3: Http3Connection,
  target: SessionTarget,
  signal: AbortSignal,
): Promise<OpenedSession> {
  const abilities = await orAborted(http3.peer, signal);
  const where = http3.quic.peerName;
  const lack = lacking(abilities);
  if (lack !== undefined) throw new TransportError("webtransport-unsupported", { where, detail: lack });
  if (http3.peerGoesAway) throw new TransportError("closed", { what: "connection" });
  if (http3.quic.closing) throw await endOf(http3);
  const exchange = new ClientExchange(http3, target.protocols);
  exchange.message.sendHead(requestLines(connectHead(target, abilities)));
  const aborted = () => exchange.cancel(signal.reason);
  signal.addEventListener("abort", aborted, { once: true });
  try {
    return await exchange.opened;
  } finally {
    signal.removeEventListener("abort", aborted);
  }
}

/** What a server must offer and this one does not; undefined when all is there. */
function lacking({ extendedConnect, webTransport }: PeerAbilities): string | undefined {
  if (!webTransport) return "its SETTINGS announce no draft of WebTransport";
  return extendedConnect ? undefined : "its SETTINGS do not allow extended CONNECT";
}

function connectHead(
  { authority, path, fields, protocols }: SessionTarget,
  { onlyNewToken }: PeerAbilities,
): RequestHead {
  return {
    method: "CONNECT",
    scheme: "https",
    authority,
    path,
    // Everybody who knows an older draft takes its token; web-transport-proto takes no other.
    protocol: onlyNewToken ? "webtransport-h3" : "webtransport",
    fields: [
      ...(onlyNewToken ? [] : ([["sec-webtransport-http3-draft02", "1"]] as const)),
      ...(protocols.length > 0 ? ([[availableProtocolsField, availableProtocols(protocols)]] as const) : []),
      ...fields,
    ],
  };
}

class ClientExchange implements MessageHandler {
  readonly message: MessageStream;
  readonly opened: Promise<OpenedSession>;
  readonly #http3: Http3Connection;
  readonly #protocols: readonly string[];
  readonly #opened = Promise.withResolvers<OpenedSession>();
  #session: Http3Session | undefined;

  constructor(http3: Http3Connection, protocols: readonly string[]) {
    this.#http3 = http3;
    this.#protocols = protocols;
    this.opened = this.#opened.promise;
    this.message = http3.openRequest(this);
  }

  cancel(reason: unknown): void {
    this.message.abandon("H3_REQUEST_CANCELLED");
    this.#fail(reason);
  }

  head(lines: readonly FieldLine[]): AfterHead {
    const { status, fields } = responseHead(lines);
    if (status < 200) return "head";
    const headers = new Headers(fields.map(([name, value]) => [name, value]));
    const where = this.#http3.quic.peerName;
    if (status >= 300) {
      this.message.finish();
      this.#fail(new SessionRejectedError(where, status, headers));
      return "message";
    }
    const protocol = this.#protocols.length > 0 ? parseProtocol(fieldOf(fields, protocolField)) : undefined;
    if (protocol !== undefined && !this.#protocols.includes(protocol)) {
      this.message.abandon("WT_ALPN_ERROR");
      const detail = `it chose the protocol ${JSON.stringify(protocol)}, which was not offered`;
      this.#fail(new TransportError("http-violation", { where, code: "WT_ALPN_ERROR", detail }));
      return "tunnel";
    }
    const session = new Http3Session(this.#http3, this.message, protocol ?? "");
    this.#session = session;
    this.#http3.addSession(session);
    this.#opened.resolve({ session, headers });
    return "tunnel";
  }

  body(bytes: Uint8Array, start: number, end: number): void {
    this.#session?.body(bytes, start, end);
  }

  ended(): void {
    this.#session?.ended();
  }

  gone(code: bigint | undefined, fault?: Http3Error): void {
    if (this.#session !== undefined) this.#session.gone(code, fault);
    else if (code === undefined) {
      void endOf(this.#http3).then((error) => this.#fail(error));
    } else if (fault !== undefined) {
      const where = this.#http3.quic.peerName;
      this.#fail(
        new TransportError("http-violation", { where, code: fault.code, detail: fault.message }, { cause: fault }),
      );
    } else {
      const where = this.#http3.quic.peerName;
      this.message.abandon("H3_REQUEST_CANCELLED");
      this.#fail(new TransportError("peer-closed", { where, code: nameOfCode(code), detail: "it reset the request" }));
    }
  }

  #fail(reason: unknown): void {
    this.#opened.reject(reason);
  }
}

/** Why the connection ended. */
async function endOf(http3: Http3Connection): Promise<TransportError> {
  const { error } = await http3.ended;
  return error ?? new TransportError("closed", { what: "connection" });
}

/** The promise, or the signal's reason if it comes first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}
