/** What connections tell of themselves to whoever asked at `listen` or `connect`: TLS secrets, and qlog. */
import { type ObservingOptions as EngineObserving, readTrace, type TraceRecord } from "@moqingbird/engine";
import type { SocketAddress } from "../address.ts";
import { ConnectionLog, logFileName, originalConnectionId } from "../qlog/connection-log.ts";
import { type QlogConnection, type QlogSink, type QlogTarget, sinkMaker } from "../qlog/target.ts";

/** Options of `listen` and `connect`. All of it is off by default. */
export interface ObservingOptions {
  /**
   * Gets the TLS secrets of each connection as lines of the NSS key log format, without the line's end. With them, whoever
   * has recorded the packets can read everything: for debugging, as with Wireshark's `tls.keylog_file`.
   */
  readonly keyLog?: (line: string) => void;
  /**
   * Where a log of every packet goes, in qlog 0.3 (draft-ietf-quic-qlog-main-schema-05), for qvis. Costs about the CPU time
   * of the packets themselves. Without payloads, but with addresses and connection ids.
   */
  readonly qlog?: QlogTarget;
}

/** The engine's numbers of one `listen` or `connect`. */
export interface Observing extends EngineObserving {
  /** Gives the numbers up. Traces that have begun go on. */
  release(): void;
}

/** Addresses behind the engine's numbers of a socket and a peer. */
export type FindAddresses = (
  endpoint: number,
  peer: number,
) => { readonly local: SocketAddress; readonly remote: SocketAddress } | undefined;

/** What an engine's configuration wants of them. */
export function numbersOf({ keyLog = 0, trace = 0 }: Observing): EngineObserving {
  return { keyLog, trace };
}

type KeyLog = (line: string) => void;
type SinkMaker = (connection: QlogConnection) => QlogSink | undefined;

const none: Observing = { release() {} };
const decoder = new TextDecoder();

/** Of one thread: who gets what the engine tells. */
export class Observers {
  readonly #keyLogs = new Map<number, KeyLog>();
  readonly #sinkMakers = new Map<number, SinkMaker>();
  readonly #logs = new Map<number, ConnectionLog>();
  readonly #findAddresses: FindAddresses;
  readonly #wallMillis: () => number;
  #next = 1;

  constructor(findAddresses: FindAddresses, wallMillis: () => number) {
    this.#findAddresses = findAddresses;
    this.#wallMillis = wallMillis;
  }

  /** Numbers for the configurations of one `listen` or `connect`. Errors: `option-invalid`. */
  add({ keyLog, qlog }: ObservingOptions): Observing {
    if (keyLog === undefined && qlog === undefined) return none;
    const makeSink = qlog && sinkMaker(qlog);
    const tag = this.#next++;
    if (keyLog !== undefined) this.#keyLogs.set(tag, keyLog);
    if (makeSink !== undefined) this.#sinkMakers.set(tag, makeSink);
    return {
      ...(keyLog && { keyLog: tag }),
      ...(makeSink && { trace: tag }),
      release: () => {
        this.#keyLogs.delete(tag);
        this.#sinkMakers.delete(tag);
      },
    };
  }

  /** A KEY_LOG event. */
  key(tag: number, line: Uint8Array): void {
    this.#keyLogs.get(tag)?.(decoder.decode(line));
  }

  /** A TRACE event. `nowMicros`: the clock of the records, at this moment. */
  records(bytes: Uint8Array, nowMicros: number): void {
    for (const record of readTrace(bytes)) this.#record(record, nowMicros);
    for (const log of this.#logs.values()) log.flush();
  }

  /** The engine is gone: so are its connections. */
  crashed(nowMicros: number): void {
    for (const log of this.#logs.values()) log.end(nowMicros);
    this.#logs.clear();
  }

  #record(record: TraceRecord, nowMicros: number): void {
    const { kind, trace, micros } = record;
    if (kind === "started") {
      this.#begin(record, nowMicros);
      return;
    }
    if (kind === "overflow") {
      for (const log of this.#logs.values()) log.overflow(micros, record.records);
      return;
    }
    const log = this.#logs.get(trace);
    if (log === undefined) return;
    if (kind === "placed") {
      const addresses = this.#findAddresses(record.endpoint, record.peer);
      if (addresses !== undefined) log.placed(micros, addresses.local, addresses.remote);
    } else if (kind === "ended") {
      this.#logs.delete(trace);
      log.end(micros);
    } else log.record(record);
  }

  #begin(record: Extract<TraceRecord, { kind: "started" }>, nowMicros: number): void {
    const { trace, micros, tag } = record;
    const side = record.server ? "server" : "client";
    const connectionId = originalConnectionId(record);
    const fileName = logFileName(connectionId, side);
    const sink = this.#sinkMakers.get(tag)?.({ side, connectionId, fileName });
    if (sink === undefined) return;
    const wallMillis = this.#wallMillis() - (nowMicros - micros) / 1000;
    const log = new ConnectionLog(sink, { side, connectionId, micros, wallMillis });
    this.#logs.set(trace, log);
    log.parameters(micros, "local", record.parameters);
  }
}
