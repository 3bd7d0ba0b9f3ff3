/** What the W3C classes ask of whatever carries a session: HTTP/3, or QMux over a WebSocket. */
import type { SocketAddress } from "../address.ts";
import type { Connection } from "../connection.ts";
import type { FieldLine } from "../h3/field-line.ts";
import type { BidirectionalStream, ReceiveSink, SendSource, SendStream, SortKey } from "../streams.ts";

/** A session that both sides have agreed on. */
export interface WebSession extends Connection {
  /** Datagrams may be lost on the way, as they should be; false over TCP. */
  readonly unreliable: boolean;
  /** Resolves when the peer asks the session to come to an end. Never rejects. */
  readonly draining: Promise<void>;
  /** Asks the peer to bring the session to an end, if there is a word for it. */
  drain(): void;
  /** `openUnidirectional`; `eager` tells the peer of the stream before it has bytes. */
  openOneWay(source: SendSource, sortKey: SortKey | undefined, eager: boolean): SendStream;
  /** `openBidirectional`; `eager` tells the peer of the stream before it has bytes. */
  openBothWays(
    source: SendSource,
    sink: ReceiveSink,
    sortKey: SortKey | undefined,
    eager: boolean,
  ): BidirectionalStream;
}

/** A session that a client asks for. */
export interface WebSessionOffer {
  readonly url: URL;
  readonly fields: readonly FieldLine[];
  /** Application protocols, the client's favourite first. */
  readonly protocols: readonly string[];
  readonly origin: string | undefined;
  readonly remoteAddress: SocketAddress;
  readonly serverName: string;
  /** Aborted when the client gives up before there is an answer. */
  readonly signal: AbortSignal;
  /** The session begins. Errors: `closed` if the client gave up, `option-invalid`. */
  accept(answer: { readonly protocol?: string; readonly fields?: readonly FieldLine[] }): WebSession;
  /** The client gets this status, 300 to 599, and no session. Errors: `option-invalid`. */
  reject(status: number, fields?: readonly FieldLine[]): void;
}
