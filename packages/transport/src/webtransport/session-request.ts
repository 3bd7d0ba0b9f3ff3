/** What a server is asked, in the form its users see, and how they answer. */
import type { SocketAddress } from "../address.ts";
import type { FieldLine } from "../h3/field-line.ts";
import type { WebSessionOffer } from "./web-session.ts";
import type { HeadersInit } from "./web-types.ts";
import { adoptSession, type WebTransport } from "./webtransport.ts";

/** A client asks for a session. */
export interface SessionRequest {
  /** What carries it: HTTP/3, or QMux over a WebSocket. */
  readonly over: "http3" | "websocket";
  /** As the client named it: `https://` (`http://` for a WebSocket without TLS), host and port, path, query. */
  readonly url: URL;
  readonly headers: Headers;
  /** Application protocols the client offers, its favourite first. */
  readonly protocols: readonly string[];
  /** Where the page comes from that asks; undefined if no browser does. */
  readonly origin: string | undefined;
  readonly remoteAddress: SocketAddress;
  /** Server name of the TLS handshake; "" if the client named none. */
  readonly serverName: string;
  /** Aborted when the client gives up before it is answered. */
  readonly signal: AbortSignal;
  /** Lets the session begin. Errors: `closed` if the client gave up, `option-invalid`. */
  accept(options?: AcceptOptions): WebTransport;
  /** Refuses with an HTTP status of 300 to 599, by default 404. No effect once the client gave up. Errors: `option-invalid`. */
  reject(status?: number, options?: { readonly headers?: HeadersInit | undefined }): void;
}

/** Options of {@link SessionRequest.accept}. */
export interface AcceptOptions {
  /** One of the request's protocols. Default: none is agreed on. */
  readonly protocol?: string;
  /** Header fields of the answer. */
  readonly headers?: HeadersInit | undefined;
}

/** An offer as its users see it. */
export function sessionRequest(offer: WebSessionOffer, over: SessionRequest["over"]): SessionRequest {
  return {
    over,
    url: offer.url,
    headers: new Headers(offer.fields.map(([name, value]) => [name, value])),
    protocols: offer.protocols,
    origin: offer.origin,
    remoteAddress: offer.remoteAddress,
    serverName: offer.serverName,
    signal: offer.signal,
    accept: ({ protocol, headers } = {}) =>
      adoptSession(offer.accept({ ...(protocol === undefined ? {} : { protocol }), fields: fieldsOf(headers) })),
    reject: (status = 404, { headers } = {}) => offer.reject(status, fieldsOf(headers)),
  };
}

function fieldsOf(headers: HeadersInit | undefined): readonly FieldLine[] {
  return [...new Headers(headers)];
}
