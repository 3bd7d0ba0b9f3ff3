/**
 * Request ids and the requests behind them (moq-transport-14, sections "Request ID", "MAX_REQUEST_ID", "REQUESTS_BLOCKED").
 * A client's ids are even, a server's odd, each side counts up by 2; the other side says how far it may go.
 */

import { type ControlMessage, type ErrorTable, errorByCode, type WireInteger } from "@moqingbird/codec";
import { closeCode } from "./codes.ts";
import { RequestRefused, SessionError, Violation } from "./errors.ts";
import type { Timer, Timers } from "./timers.ts";

/** One kind of request, by the draft's name. */
export type RequestName = "SUBSCRIBE" | "PUBLISH_NAMESPACE" | "SUBSCRIBE_NAMESPACE";

/** What somebody asks the peer. */
export interface RequestHandler<Accepted extends ControlMessage = ControlMessage> {
  readonly name: RequestName;
  /** Codes the refusal may carry. */
  readonly errors: ErrorTable;
  /** An id is there: send the message. */
  write(requestId: number): void;
  /** The peer said yes. */
  accepted(message: Accepted): void;
  /** The peer said no, did not answer in time, or could not be asked. Nothing follows. */
  failed(error: SessionError | RequestRefused): void;
}

/** A request on its way. */
export interface OutgoingRequest {
  /** Undefined while it waits for the peer's limit to rise. */
  readonly id: number | undefined;
  /** Forgets it: an answer that still comes is ignored. Nothing is sent. */
  cancel(): void;
}

interface Entry extends OutgoingRequest {
  id: number | undefined;
  readonly handler: RequestHandler;
  timer: Timer | undefined;
}

/** What the tables need of the session. */
export interface RequestPort {
  readonly timers: Timers;
  send(message: ControlMessage): void;
}

/** Ids of requests we gave up, so that a late answer is no violation. */
const maxForgotten = 1024;

/** Our requests. */
export class OutgoingRequests {
  readonly #port: RequestPort;
  readonly #timeoutMs: number;
  readonly #maxWaiting: number;
  readonly #open = new Map<number, Entry>();
  readonly #waiting = new Set<Entry>();
  readonly #forgotten = new Set<number>();
  /** Every forgotten id that has left the set is below: an answer to one there is ignored, whatever it was. */
  #forgottenBelow = 0;
  readonly #firstId: number;
  #nextId: number;
  #limit = 0;
  #blockedAt = -1;
  /** Whether REQUESTS_BLOCKED may be sent. */
  tellsBlocked = true;

  constructor(
    port: RequestPort,
    side: "client" | "server",
    limits: { readonly requestTimeoutMs: number; readonly maxWaitingRequests: number },
  ) {
    this.#port = port;
    this.#firstId = side === "client" ? 0 : 1;
    this.#nextId = this.#firstId;
    this.#timeoutMs = limits.requestTimeoutMs;
    this.#maxWaiting = limits.maxWaitingRequests;
  }

  /** Requests that wait for an answer or for an id. */
  get size(): number {
    return this.#open.size + this.#waiting.size;
  }

  /** First id that the peer does not allow yet. */
  get limit(): number {
    return this.#limit;
  }

  /** Whether an id was ever used for a request of ours. */
  known(requestId: number): boolean {
    return requestId < this.#nextId && requestId % 2 === this.#firstId;
  }

  /** The limit of SETUP. */
  start(limit: number): void {
    this.#limit = limit;
    this.#release();
  }

  /** MAX_REQUEST_ID: "MUST only increase". */
  raise(limit: number): void {
    if (limit <= this.#limit) {
      throw new Violation(
        closeCode.protocolViolation,
        `MAX_REQUEST_ID ${limit} does not raise the limit, which is ${this.#limit} already.`,
      );
    }
    this.#limit = limit;
    this.#release();
  }

  /** Asks the peer, now or when its limit allows. `failed` of the handler tells of every trouble, possibly before this returns. */
  open<Accepted extends ControlMessage>(
    handler: RequestHandler<Accepted>,
    timeoutMs: number = this.#timeoutMs,
  ): OutgoingRequest {
    const entry: Entry = {
      id: undefined,
      // The answer's type was checked against the request's name before it is handed over.
      handler: handler as unknown as RequestHandler,
      timer: undefined,
      cancel: () => this.#forget(entry),
    };
    if (this.#waiting.size >= this.#maxWaiting) {
      handler.failed(new SessionError("request-queue-full", { count: this.#waiting.size }));
      return entry;
    }
    entry.timer = this.#port.timers.schedule(timeoutMs, () => {
      const error =
        entry.id === undefined
          ? new SessionError("request-limit", { limit: this.#limit, ms: timeoutMs })
          : new SessionError("request-timeout", { request: handler.name, ms: timeoutMs });
      this.#forget(entry);
      handler.failed(error);
    });
    if (this.#nextId < this.#limit && this.#waiting.size === 0) this.#write(entry);
    else this.#wait(entry);
    return entry;
  }

  /** The id of a message that is no request with an answer (SUBSCRIBE_UPDATE); undefined when the peer allows none. */
  takeId(): number | undefined {
    if (this.#nextId >= this.#limit) return undefined;
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  /** An `..._OK` arrived. False: it answers a request we gave up. @throws Violation when it answers none of ours. */
  accept(name: RequestName, message: ControlMessage & { readonly requestId: number }): boolean {
    const entry = this.#take(name, message.requestId);
    entry?.handler.accepted(message);
    return entry !== undefined;
  }

  /** An `..._ERROR` arrived. */
  refuse(name: RequestName, requestId: number, code: WireInteger, reason: string): void {
    const entry = this.#take(name, requestId);
    if (!entry) return;
    const { handler } = entry;
    handler.failed(new RequestRefused(name, code, errorByCode(handler.errors, code)?.name, reason));
  }

  /** The session ended, or goes away: every request fails with the error. */
  failAll(error: SessionError, which: "all" | "waiting" = "all"): void {
    const entries = which === "all" ? [...this.#open.values(), ...this.#waiting] : [...this.#waiting];
    for (const entry of entries) {
      this.#forget(entry);
      entry.handler.failed(error);
    }
  }

  #take(name: RequestName, requestId: number): Entry | undefined {
    const entry = this.#open.get(requestId);
    if (!entry) {
      if (this.#forgotten.delete(requestId)) return undefined;
      // Others here may give up more requests than are remembered before the peer has answered the first.
      if (requestId < this.#forgottenBelow && this.known(requestId)) return undefined;
      throw new Violation(
        closeCode.protocolViolation,
        `An answer to ${name} names request ${requestId}, which waits for none.`,
      );
    }
    if (entry.handler.name !== name) {
      throw new Violation(
        closeCode.protocolViolation,
        `An answer to ${name} names request ${requestId}, which was ${entry.handler.name}.`,
      );
    }
    this.#open.delete(requestId);
    entry.timer?.cancel();
    return entry;
  }

  #forget(entry: Entry): void {
    entry.timer?.cancel();
    this.#waiting.delete(entry);
    if (entry.id === undefined || !this.#open.delete(entry.id)) return;
    this.#forgotten.add(entry.id);
    if (this.#forgotten.size > maxForgotten) {
      for (const oldest of this.#forgotten) {
        this.#forgotten.delete(oldest);
        this.#forgottenBelow = Math.max(this.#forgottenBelow, oldest + 1);
        break;
      }
    }
  }

  #write(entry: Entry): void {
    entry.id = this.#nextId;
    this.#nextId += 2;
    this.#open.set(entry.id, entry);
    entry.handler.write(entry.id);
  }

  #wait(entry: Entry): void {
    this.#waiting.add(entry);
    // "The endpoint SHOULD send only one REQUESTS_BLOCKED for a given Maximum Request ID."
    if (!this.tellsBlocked || this.#blockedAt === this.#limit) return;
    this.#blockedAt = this.#limit;
    this.#port.send({ type: "requestsBlocked", maxRequestId: this.#limit });
  }

  #release(): void {
    for (const entry of this.#waiting) {
      if (this.#nextId >= this.#limit) return;
      this.#waiting.delete(entry);
      this.#write(entry);
    }
  }
}

/** Largest id granted to a peer that cannot bear MAX_REQUEST_ID messages. */
const allRequestIds = 0xffff_ffff;

/** The peer's requests: checks their ids and moves the window. */
export class IncomingRequests {
  readonly #port: RequestPort;
  readonly #firstId: number;
  readonly #window: number;
  #nextId: number;
  #granted: number;
  #ended = 0;
  #updates = true;

  constructor(port: RequestPort, side: "client" | "server", window: number) {
    this.#port = port;
    this.#firstId = side === "client" ? 1 : 0;
    this.#nextId = this.#firstId;
    this.#window = window;
    this.#granted = this.#grant();
  }

  /** What SETUP grants: the first id that is not allowed. */
  get granted(): number {
    return this.#granted;
  }

  /** Requests that arrived and have not ended. */
  get open(): number {
    return (this.#nextId - this.#firstId) / 2 - this.#ended;
  }

  /** Whether the peer ever used an id. */
  known(requestId: number): boolean {
    return requestId < this.#nextId && requestId % 2 === this.#firstId;
  }

  /** For a peer that cannot bear MAX_REQUEST_ID: everything is granted, or the limit not enforced if SETUP has gone out. */
  withoutUpdates(): void {
    this.#updates = false;
    this.#granted = allRequestIds;
  }

  /** A request arrived. @throws Violation when its id is not the next, or beyond the limit. */
  arrive(requestId: number): void {
    if (requestId !== this.#nextId) {
      throw new Violation(
        closeCode.invalidRequestId,
        `Request id ${requestId} came where ${this.#nextId} is next: they go up by 2 from ${this.#firstId}.`,
      );
    }
    if (requestId >= this.#granted) {
      throw new Violation(
        closeCode.tooManyRequests,
        `Request id ${requestId} is not below MAX_REQUEST_ID, which is ${this.#granted}.`,
      );
    }
    this.#nextId += 2;
  }

  /** A request ended: the window may move. Told once it moved by half of itself, so that few messages do. */
  end(): void {
    this.#ended++;
    if (!this.#updates) return;
    const grant = this.#grant();
    if (grant - this.#granted < this.#window) return;
    this.#granted = grant;
    this.#port.send({ type: "maxRequestId", requestId: grant });
  }

  #grant(): number {
    return this.#firstId + 2 * (this.#ended + this.#window);
  }
}
