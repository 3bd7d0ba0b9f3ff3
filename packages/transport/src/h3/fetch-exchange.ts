/** Plain requests (health checks, files) in the form of the Fetch standard: a `Request` goes in, a `Response` comes out. */
import type { SocketAddress } from "../address.ts";
import { messageOf } from "../errors.ts";
import type { FieldLine } from "./field-line.ts";
import type { Http3Connection } from "./http3-connection.ts";
import { isField, type RequestHead, responseLines } from "./message.ts";
import type { MessageHandler, MessageStream } from "./message-stream.ts";
import { urlOf } from "./session-offer.ts";

/** Answers GET and HEAD. What it throws is status 500. `request.signal` is aborted when the client gives up. */
export type FetchHandler = (
  request: Request,
  info: { readonly remoteAddress: SocketAddress },
) => Response | Promise<Response>;

/** One plain request and its answer. */
export class FetchExchange implements Omit<MessageHandler, "head"> {
  readonly #http3: Http3Connection;
  readonly #message: MessageStream;
  readonly #handler: FetchHandler | undefined;
  readonly #abort = new AbortController();
  #received = false;

  constructor(http3: Http3Connection, message: MessageStream, handler: FetchHandler | undefined) {
    this.#http3 = http3;
    this.#message = message;
    this.#handler = handler;
  }

  start(head: RequestHead): void {
    const { method, fields } = head;
    if (this.#handler === undefined) {
      this.#answer(404, []);
      return;
    }
    if (method !== "GET" && method !== "HEAD") {
      this.#answer(405, [["allow", "GET, HEAD"]]);
      return;
    }
    const request = new Request(urlOf(head), {
      method,
      headers: fields.map(([name, value]) => [name, value]),
      signal: this.#abort.signal,
    });
    void this.#respond(request, this.#handler, method === "HEAD");
  }

  body(): void {} // what a GET brings along means nothing (RFC 9110 section 9.3.1)

  ended(): void {
    this.#received = true;
  }

  gone(code: bigint | undefined): void {
    this.#abort.abort();
    if (code === undefined) return;
    this.#message.abandon("H3_REQUEST_CANCELLED");
    this.#http3.requestCancelled();
  }

  async #respond(request: Request, handler: FetchHandler, headOnly: boolean): Promise<void> {
    let response: Response;
    try {
      response = await handler(request, { remoteAddress: this.#http3.quic.remoteAddress });
    } catch (error) {
      process.emitWarning(`A fetch handler failed: ${messageOf(error)}`, { code: "MOQINGBIRD_HANDLER" });
      response = new Response(null, { status: 500 });
    }
    const { signal } = this.#abort;
    if (signal.aborted) return;
    const { status, headers, body } = response;
    this.#message.sendHead(responseLines({ status, fields: [...headers].filter(isField) }));
    try {
      if (body !== null && !headOnly) {
        for await (const chunk of body) {
          if (signal.aborted) return;
          if (!this.#message.sendData(chunk) && !(await this.#message.room())) return;
        }
      } else await body?.cancel();
    } catch (error) {
      if (signal.aborted) return;
      process.emitWarning(`The body of a response failed: ${messageOf(error)}`, { code: "MOQINGBIRD_HANDLER" });
      this.#message.abandon("H3_INTERNAL_ERROR");
      return;
    }
    this.#end();
  }

  #answer(status: number, fields: readonly FieldLine[]): void {
    this.#message.sendHead(responseLines({ status, fields }));
    this.#end();
  }

  #end(): void {
    this.#message.finish();
    if (!this.#received) this.#message.stopReceiving("H3_NO_ERROR");
    this.#http3.requestAnswered();
  }
}
