/** A W3C WebTransport session in the shape that a MoQ session asks for. */
import { sendOrderOf } from "../sort-keys.ts";
import type {
  CloseInfo,
  Connection,
  ConnectionHandler,
  DatagramOptions,
  IncomingBidirectional,
  OutgoingBidirectional,
  ReceiveSink,
  ReceiveStream,
  SendSource,
  SendStream,
  SortKey,
} from "../transport.ts";
import { Inlet } from "./inlet.ts";
import { Outlet } from "./outlet.ts";
import type { WebTransportShape, WebTransportStreamShape } from "./shape.ts";

/** Datagrams given to the implementation that have not left; further ones are refused. */
const maxDatagrams = 64;
/** Chromium fails to open a stream when the peer allows no more, instead of waiting: it is asked again, at most so often. */
const retryMs = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560];
/** What the peer is told when a callback of ours throws. */
const internalError = 1;
const largestCode = 0xffff_ffff;

/** Options of {@link overWebTransport}. */
export interface OverWebTransportOptions {
  /** Which end this is. Default "client": browsers are nothing else. */
  readonly side?: "client" | "server";
}

/**
 * The connection to give to `connect` or `accept` for a WebTransport session, a browser's for example. Waits for `ready`, and
 * rejects as that does. Where the session can be had byte by byte (`@moqingbird/transport`), that is what comes out.
 */
export async function overWebTransport(
  session: WebTransportShape,
  { side = "client" }: OverWebTransportOptions = {},
): Promise<Connection> {
  await session.ready;
  return session.connection ?? new WebTransportConnection(session, side);
}

class WebTransportConnection implements Connection {
  readonly protocol: string;
  readonly side: "client" | "server";
  readonly closed: Promise<CloseInfo>;
  readonly #session: WebTransportShape;
  readonly #datagrams: WritableStreamDefaultWriter<Uint8Array>;
  /** What is to be told that the session is over. */
  readonly #open = new Set<Outlet | Inlet>();
  #handler: ConnectionHandler | undefined;
  #started = false;
  #over = false;
  #closedHere = false;
  #failure: Error | undefined;
  #datagramsUnderWay = 0;

  constructor(session: WebTransportShape, side: "client" | "server") {
    this.#session = session;
    this.side = side;
    this.protocol = session.protocol ?? "";
    const { datagrams } = session;
    this.#datagrams = (datagrams.createWritable?.() ?? (datagrams.writable as WritableStream<Uint8Array>)).getWriter();
    this.#datagrams.closed.catch(ignore);
    this.closed = session.closed.then(
      ({ closeCode = 0, reason = "" }) => ({
        by: this.#closedHere ? "local" : "peer-application",
        code: BigInt(closeCode),
        reason,
        error: this.#failure,
      }),
      (error: Error) => ({ by: "transport", code: 0n, reason: error.message, error }),
    );
    void this.closed.then((info) => this.#end(info));
  }

  get handler(): ConnectionHandler | undefined {
    return this.#handler;
  }

  /** Streams of the peer wait until there is one. */
  set handler(handler: ConnectionHandler | undefined) {
    this.#handler = handler;
    if (this.#started || handler === undefined) return;
    this.#started = true;
    const { incomingUnidirectionalStreams, incomingBidirectionalStreams, datagrams } = this.#session;
    void each(incomingUnidirectionalStreams, (readable) => this.#incoming(readable));
    void each(incomingBidirectionalStreams, (stream) => this.#incomingBothWays(stream));
    void each(datagrams.readable, (bytes) => this.#call(() => this.#handler?.datagram?.(bytes, 0, bytes.length)));
  }

  get maxDatagramSize(): number {
    return this.#over ? 0 : this.#session.datagrams.maxDatagramSize;
  }

  openUnidirectional(source: SendSource, sortKey: SortKey): SendStream {
    const outlet = this.#outlet();
    outlet.attach(source, sortKey);
    void this.#opened(
      () => this.#session.createUnidirectionalStream({ sendOrder: outlet.sendOrder }),
      [outlet],
      (writable) => outlet.run(writable),
    );
    return outlet;
  }

  openBidirectional(source: SendSource, sink: ReceiveSink, sortKey: SortKey): OutgoingBidirectional {
    const [outlet, inlet] = [this.#outlet(), this.#inlet()];
    outlet.attach(source, sortKey);
    void this.#opened(
      () => this.#session.createBidirectionalStream({ sendOrder: outlet.sendOrder }),
      [outlet, inlet],
      ({ readable, writable }) => Promise.all([outlet.run(writable), inlet.run(readable, () => sink)]),
    );
    return new BothWays(outlet, inlet, ignore);
  }

  sendDatagram(payload: Uint8Array, { deadlineMs }: DatagramOptions = {}): boolean {
    if (payload.length > this.maxDatagramSize || this.#datagramsUnderWay >= maxDatagrams || deadlineMs === 0)
      return false;
    this.#datagramsUnderWay++;
    const left = (): void => {
      this.#datagramsUnderWay--;
    };
    this.#datagrams.write(payload.slice()).then(left, left);
    return true;
  }

  close({ code, reason }: { readonly code: number | bigint; readonly reason: string }): void {
    if (this.#over) return;
    this.#closedHere = true;
    this.#session.close({ closeCode: code > largestCode ? largestCode : Number(code), reason });
  }

  #outlet(): Outlet {
    const outlet = new Outlet(sendOrderOf, (error) => this.#fail(error));
    this.#open.add(outlet);
    return outlet;
  }

  #inlet(): Inlet {
    const inlet = new Inlet((error) => this.#fail(error));
    this.#open.add(inlet);
    return inlet;
  }

  /** Opens a stream, asking again while the peer allows none, and runs it. */
  async #opened<T>(create: () => Promise<T>, parts: (Outlet | Inlet)[], run: (stream: T) => Promise<unknown>) {
    for (let attempt = 0; !this.#over; attempt++) {
      try {
        await run(await create());
        break;
      } catch {
        const pause = retryMs[attempt];
        if (pause === undefined) break;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    for (const part of parts) {
      this.#open.delete(part);
      part.over();
    }
  }

  async #incoming(readable: ReadableStream<Uint8Array>): Promise<void> {
    const inlet = this.#inlet();
    await inlet.run(readable, () => this.#sinkOf(inlet, "unidirectional"));
    this.#open.delete(inlet);
  }

  async #incomingBothWays({ readable, writable }: WebTransportStreamShape): Promise<void> {
    const [inlet, outlet] = [this.#inlet(), this.#outlet()];
    const stream = new BothWays(outlet, inlet, () => void outlet.run(writable).then(() => this.#open.delete(outlet)));
    await inlet.run(readable, () => this.#sinkOf(stream, "bidirectional"));
    this.#open.delete(inlet);
  }

  #sinkOf(stream: ReceiveStream | IncomingBidirectional, direction: "unidirectional" | "bidirectional"): ReceiveSink {
    const sink = this.#handler?.stream?.(stream, direction);
    if (sink !== undefined) return sink;
    stream.stop(0);
    return { data: ignore, finished: ignore, reset: ignore };
  }

  #call(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A callback threw. */
  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.close({ code: internalError, reason: "A callback failed." });
  }

  #end(info: CloseInfo): void {
    this.#over = true;
    for (const part of this.#open) part.over();
    this.#open.clear();
    this.#handler?.closed?.(info);
  }
}

/** A stream both ways, whoever opened it. */
class BothWays implements IncomingBidirectional {
  readonly #outlet: Outlet;
  readonly #inlet: Inlet;
  readonly #sourced: () => void;

  /** @param sourced Called when the peer's stream got its source. */
  constructor(outlet: Outlet, inlet: Inlet, sourced: () => void) {
    this.#outlet = outlet;
    this.#inlet = inlet;
    this.#sourced = sourced;
  }

  get autoCredit(): boolean {
    return this.#inlet.autoCredit;
  }

  set autoCredit(auto: boolean) {
    this.#inlet.autoCredit = auto;
  }

  setSource(source: SendSource, sortKey: SortKey): void {
    this.#outlet.attach(source, sortKey);
    this.#sourced();
  }

  activate(): void {
    this.#outlet.activate();
  }

  setSortKey(key: SortKey): void {
    this.#outlet.setSortKey(key);
  }

  reset(code: number | bigint): void {
    this.#outlet.reset(code);
  }

  stop(code: number | bigint): void {
    this.#inlet.stop(code);
  }

  credit(bytes: number): void {
    this.#inlet.credit(bytes);
  }
}

/** Takes what a stream of streams or datagrams brings, until it ends: the session tells how. */
async function each<T>(readable: ReadableStream<T>, take: (item: T) => unknown): Promise<void> {
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      take(value);
    }
  } catch {
    return;
  }
}

function ignore(): void {}
