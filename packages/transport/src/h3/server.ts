/** HTTP/3 on the side of a listener: requests for sessions, and plain GETs. */
import type { CloseOptions, Connection } from "../connection.ts";
import type { QuicConnection } from "../quic/quic-connection.ts";
import type { Http3Error } from "./codes.ts";
import { FetchExchange, type FetchHandler } from "./fetch-exchange.ts";
import type { FieldLine } from "./field-line.ts";
import { Http3Connection, type Timers } from "./http3-connection.ts";
import { fieldOf, type RequestHead, requestHead, responseLines } from "./message.ts";
import type { AfterHead, MessageHandler, MessageStream } from "./message-stream.ts";
import { SessionOffer } from "./session-offer.ts";

/** What a listener does with sessions. */
export interface SessionRules {
  /** Called for each session a client asks for: `accept` or `reject` it, at once or later. What it throws is status 500. */
  readonly onOffer: (offer: SessionOffer) => void | Promise<void>;
  /** Origins taken (as browsers send them: "https://example.com"); others get status 403. Undefined: all. */
  readonly origins: readonly string[] | undefined;
  /** Sessions of one connection, those that wait for an answer included. */
  readonly maxSessions: number;
  /** How long a session may wait for an answer before it is status 503, ms. */
  readonly answerTimeoutMs: number;
}

/** HTTP/3 of one listener. */
export interface Http3ServerOptions {
  readonly timers: Timers;
  readonly sessions: SessionRules | undefined;
  readonly fetch: FetchHandler | undefined;
}

/** Everything a listener has of HTTP/3. */
export class Http3Server {
  readonly #options: Http3ServerOptions;
  readonly #connections = new Set<Http3Connection>();

  constructor(options: Http3ServerOptions) {
    this.#options = options;
  }

  /** Takes over a connection whose ALPN is "h3". */
  serve(connection: Connection): void {
    const http3: Http3Connection = new Http3Connection(connection as QuicConnection, {
      timers: this.#options.timers,
      maxSessions: this.#options.sessions?.maxSessions ?? 0,
      onRequest: (makeStream) => {
        const exchange = new ServerExchange(http3, this.#options);
        exchange.message = makeStream(exchange);
      },
      onClosed: () => this.#connections.delete(http3),
    });
    this.#connections.add(http3);
  }

  /** Ends every session with code and reason, waits a moment for that to arrive, and closes the connections. */
  async shutdown(options: CloseOptions): Promise<void> {
    await Promise.all(
      [...this.#connections].map((http3) => {
        http3.drain();
        const sessions = [...http3.sessions.values()];
        for (const session of sessions) session.close(options);
        return http3.closeAfter(sessions.map((session) => session.told()));
      }),
    );
  }
}

/** Who takes what follows a request's head. */
type Rest = Omit<MessageHandler, "head">;

/** One request, from its head on. */
class ServerExchange implements MessageHandler {
  /** Set right after construction: stream and handler need each other. */
  message!: MessageStream;
  readonly #http3: Http3Connection;
  readonly #options: Http3ServerOptions;
  #rest: Rest | undefined;

  constructor(http3: Http3Connection, options: Http3ServerOptions) {
    this.#http3 = http3;
    this.#options = options;
  }

  head(lines: readonly FieldLine[]): AfterHead {
    const head = requestHead(lines);
    if (head.method !== "CONNECT") {
      const exchange = new FetchExchange(this.#http3, this.message, this.#options.fetch);
      this.#rest = exchange;
      exchange.start(head);
      return "message";
    }
    const { sessions } = this.#options;
    const isSession = head.protocol === "webtransport" || head.protocol === "webtransport-h3";
    if (sessions === undefined || !isSession || head.scheme !== "https") this.#answer(isSession ? 405 : 501);
    else this.#offer(head, sessions);
    return "tunnel";
  }

  body(bytes: Uint8Array, start: number, end: number): void {
    this.#rest?.body(bytes, start, end);
  }

  ended(): void {
    this.#rest?.ended();
  }

  gone(code: bigint | undefined, fault?: Http3Error): void {
    if (this.#rest === undefined && code !== undefined) this.#http3.requestCancelled();
    this.#rest?.gone(code, fault);
  }

  #answer(status: number): void {
    this.message.sendHead(responseLines({ status, fields: [] }));
    this.message.finish();
    this.message.stopReceiving("H3_NO_ERROR");
    this.#http3.requestAnswered();
  }

  #offer(head: RequestHead, rules: SessionRules): void {
    const origin = fieldOf(head.fields, "origin");
    if (origin !== undefined && rules.origins?.includes(origin) === false) {
      this.#answer(403);
      return;
    }
    if (this.#http3.offeredSessions >= rules.maxSessions) {
      this.message.abandon("H3_REQUEST_REJECTED");
      return;
    }
    const offer = new SessionOffer(this.#http3, this.message, head, rules.answerTimeoutMs);
    this.#rest = offer;
    // The draft a client speaks is in its SETTINGS, which may come after its request (section 9.2 of the draft).
    const decide = () => {
      if (!offer.pending) return;
      this.#http3.quic.guard(() => {
        try {
          rules.onOffer(offer)?.catch((error) => offer.failed(error));
        } catch (error) {
          offer.failed(error);
        }
      });
    };
    if (this.#http3.abilities !== undefined) decide();
    else this.#http3.peer.then(decide, () => {});
  }
}
