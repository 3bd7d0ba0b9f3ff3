/** A session that a client asks for, and the server's answer. */
import type { SocketAddress } from "../address.ts";
import { messageOf, TransportError } from "../errors.ts";
import type { ScheduledTask } from "../executor/executor.ts";
import { Http3Error } from "./codes.ts";
import type { FieldLine } from "./field-line.ts";
import type { Http3Connection } from "./http3-connection.ts";
import { fieldOf, isField, type RequestHead, responseLines } from "./message.ts";
import type { MessageHandler, MessageStream } from "./message-stream.ts";
import { availableProtocolsField, chosenProtocol, parseAvailableProtocols, protocolField } from "./protocols.ts";
import { Http3Session } from "./session.ts";

/** Capsules that may wait for the answer, in bytes. */
const maxWaitingBytes = 65_536;

/** What a server answers with. */
export interface AcceptFields {
  /** One of the protocols the client offers. */
  readonly protocol?: string;
  readonly fields?: readonly FieldLine[];
}

/** One request for a session. */
export class SessionOffer implements Omit<MessageHandler, "head"> {
  readonly url: URL;
  readonly fields: readonly FieldLine[];
  readonly protocols: readonly string[];
  readonly origin: string | undefined;
  /** Aborted when the client gives up, or the connection ends, before there is an answer. */
  readonly signal: AbortSignal;

  readonly #http3: Http3Connection;
  readonly #message: MessageStream;
  readonly #abort = new AbortController();
  readonly #timeout: ScheduledTask;
  #state: "pending" | "accepted" | "rejected" | "gone" = "pending";
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #ended = false;
  #session: Http3Session | undefined;

  constructor(http3: Http3Connection, message: MessageStream, head: RequestHead, answerTimeoutMs: number) {
    this.#http3 = http3;
    this.#message = message;
    this.url = urlOf(head);
    this.fields = head.fields;
    this.protocols = parseAvailableProtocols(fieldOf(head.fields, availableProtocolsField));
    this.origin = fieldOf(head.fields, "origin");
    this.signal = this.#abort.signal;
    this.#timeout = http3.timers.schedule(answerTimeoutMs, () => {
      if (this.pending) this.reject(503);
    });
    this.#timeout.unref();
    http3.offeredSessions++;
  }

  /** There is no answer yet, and somebody waits for it. */
  get pending(): boolean {
    return this.#state === "pending";
  }

  get remoteAddress(): SocketAddress {
    return this.#http3.quic.remoteAddress;
  }

  get serverName(): string {
    return this.#http3.quic.serverName;
  }

  /** The session begins. Errors: `closed` if the client gave up, `option-invalid`. */
  accept({ protocol, fields = [] }: AcceptFields = {}): Http3Session {
    if (!this.pending) throw new TransportError("closed", { what: "request for a session" });
    if (protocol !== undefined && !this.protocols.includes(protocol)) {
      throw new TransportError("option-invalid", {
        option: "protocol",
        detail: `${JSON.stringify(protocol)} is not among those the client offers (${this.protocols.join(", ") || "none"})`,
      });
    }
    checkFields(fields);
    this.#settle("accepted");
    const answer: FieldLine[] = [["sec-webtransport-http3-draft", "draft02"]];
    if (protocol !== undefined) answer.push([protocolField, chosenProtocol(protocol)]);
    this.#message.sendHead(responseLines({ status: 200, fields: [...answer, ...fields] }));
    const session = new Http3Session(this.#http3, this.#message, protocol ?? "");
    this.#session = session;
    void session.closed.then(() => this.#http3.offeredSessions--);
    this.#http3.requestAnswered();
    this.#http3.addSession(session);
    this.#message.attempt(() => {
      for (const chunk of this.#waiting) session.body(chunk, 0, chunk.length);
      this.#waiting = [];
      if (this.#ended) session.ended();
    });
    return session;
  }

  /** The client gets this status, 300 to 599, and no session. No effect once it gave up. Errors: `option-invalid`. */
  reject(status: number, fields: readonly FieldLine[] = []): void {
    if (!Number.isInteger(status) || status < 300 || status > 599) {
      throw new TransportError("option-invalid", { option: "status", detail: `${status} is not within 300 and 599` });
    }
    checkFields(fields);
    if (!this.pending) return;
    this.#settle("rejected");
    this.#http3.offeredSessions--;
    this.#http3.removeSession(Number(this.#message.stream.id));
    this.#http3.requestAnswered();
    this.#message.sendHead(responseLines({ status, fields }));
    this.#message.finish();
    this.#message.stopReceiving("H3_NO_ERROR");
  }

  /** Whoever had to decide threw. */
  failed(error: unknown): void {
    process.emitWarning(`A handler of session requests failed: ${messageOf(error)}`, { code: "MOQINGBIRD_HANDLER" });
    if (this.pending) this.reject(500);
  }

  // --- From the stream ----------------------------------------------------------------------------------------------

  body(bytes: Uint8Array, start: number, end: number): void {
    if (this.#session !== undefined) this.#session.body(bytes, start, end);
    else if (this.pending) {
      this.#waitingBytes += end - start;
      if (this.#waitingBytes > maxWaitingBytes) {
        throw new Http3Error("H3_EXCESSIVE_LOAD", "More capsules than are kept came before the answer.", "stream");
      }
      this.#waiting.push(bytes.slice(start, end));
    }
  }

  ended(): void {
    this.#ended = true;
    this.#session?.ended();
  }

  gone(code: bigint | undefined, fault?: Http3Error): void {
    this.#session?.gone(code, fault);
    if (!this.pending) return;
    this.#settle("gone");
    this.#http3.offeredSessions--;
    if (code !== undefined) {
      this.#http3.removeSession(Number(this.#message.stream.id));
      this.#message.abandon("H3_REQUEST_CANCELLED");
      this.#http3.requestCancelled();
    }
    this.#waiting = [];
    this.#abort.abort(new TransportError("closed", { what: "request for a session" }));
  }

  #settle(state: "accepted" | "rejected" | "gone"): void {
    this.#state = state;
    this.#timeout.cancel();
  }
}

function checkFields(fields: readonly FieldLine[]): void {
  const wrong = fields.find((field) => !isField(field));
  if (wrong === undefined) return;
  throw new TransportError("option-invalid", { option: "headers", detail: `${wrong[0]} is no field that can be sent` });
}

/** The request's URL. Throws `H3_MESSAGE_ERROR` of the stream for an authority that makes none. */
export function urlOf({ authority, path }: RequestHead): URL {
  try {
    return new URL(`https://${authority}${path}`);
  } catch {
    throw new Http3Error("H3_MESSAGE_ERROR", "A message is malformed: :authority and :path make no URL.", "stream");
  }
}
