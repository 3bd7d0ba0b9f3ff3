/** Plain requests over TCP in the form of the Fetch standard, as over HTTP/3: a `Request` goes in, a `Response` comes out. */

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SocketAddress } from "../address.ts";
import { messageOf } from "../errors.ts";
import type { FetchHandler } from "../h3/fetch-exchange.ts";

/** Answers one request. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  { handler, url, remoteAddress }: { handler: FetchHandler | undefined; url: URL; remoteAddress: SocketAddress },
): Promise<void> {
  request.resume(); // what a GET brings along means nothing (RFC 9110 section 9.3.1)
  const { method = "GET" } = request;
  if (handler === undefined) {
    end(response, 404);
    return;
  }
  if (method !== "GET" && method !== "HEAD") {
    end(response.setHeader("allow", "GET, HEAD"), 405);
    return;
  }
  const abort = new AbortController();
  response.once("close", () => abort.abort());
  const headers = new Headers();
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  try {
    const answer = await handler(new Request(url, { method, headers, signal: abort.signal }), { remoteAddress });
    await send(answer, response, method === "HEAD");
  } catch (error) {
    if (abort.signal.aborted) return;
    process.emitWarning(`A fetch handler failed: ${messageOf(error)}`, { code: "MOQINGBIRD_HANDLER" });
    if (response.headersSent) response.destroy();
    else end(response, 500);
  }
}

async function send(answer: Response, response: ServerResponse, headOnly: boolean): Promise<void> {
  response.writeHead(answer.status, [...answer.headers].flat());
  if (answer.body === null || headOnly) {
    await answer.body?.cancel();
    response.end();
    return;
  }
  for await (const chunk of answer.body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": "0" });
  response.end();
}
