/** Hands the engine's events to their owners. A handler that throws ends its connection, and nothing else. */
import {
  ClosedBy,
  type ConnectionInfo,
  DATA_FIN,
  DatagramDrop,
  type Engine,
  EVENT_CONNECTION,
  EVENT_FLAGS,
  EVENT_HIGH,
  EVENT_KIND,
  EVENT_LENGTH,
  EVENT_LOW,
  EVENT_POINTER,
  EVENT_STREAM,
  EventKind,
  STREAM_UNI,
} from "@moqingbird/engine";
import type { DatagramDropReason } from "../connection.ts";
import { codeOf } from "../error-code.ts";
import type { Executor } from "../executor/executor.ts";
import { closeFacts, closeInfo, type EngineClose } from "./close-info.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HandleTable } from "./handle-table.ts";
import type { Observers } from "./observing.ts";
import type { QuicConnection } from "./quic-connection.ts";
import type { QuicStream } from "./quic-stream.ts";

const dropReasons: Readonly<Record<number, DatagramDropReason>> = {
  [DatagramDrop.QUEUE]: "queue-full",
  [DatagramDrop.DEADLINE]: "deadline",
  [DatagramDrop.NEVER_FITS]: "too-large",
};
const decoder = new TextDecoder();

/** Whoever events of an engine can be for. */
export interface EventOwners {
  readonly endpoints: HandleTable<Endpoint>;
  readonly connections: HandleTable<QuicConnection>;
  readonly streams: HandleTable<QuicStream>;
  readonly observers: Observers;
  readonly executor: Executor;
  /** What the engine knows of a connection; undefined if its handle died since the event that named it. */
  info(connection: number): ConnectionInfo | undefined;
  /** Microseconds on the loop's clock. */
  now(): number;
}

/** Hands out the event record that begins at word `at`. */
export function handOut(owners: EventOwners, engine: Engine, at: number): void {
  const words = engine.eventWords;
  const kind = words[at + EVENT_KIND] as number;
  switch (kind) {
    case EventKind.DATA:
    case EventKind.RESET:
    case EventKind.STOP:
    case EventKind.ACKED:
    case EventKind.RELEASED:
      streamEvent(owners, engine, kind, at);
      return;
    case EventKind.TIMER:
      owners.executor.fire(words[at + EVENT_STREAM] as number);
      return;
    case EventKind.CONNECTED:
      connected(owners, engine, at);
      return;
    case EventKind.CLOSED:
      closed(owners, engine, at);
      return;
    case EventKind.KEY_LOG:
      owners.observers.key(words[at + EVENT_LOW] as number, bytesOf(engine, at));
      return;
    case EventKind.TRACE:
      owners.observers.records(bytesOf(engine, at), owners.now());
      return;
    case EventKind.REFUSED: {
      const info = closeFacts(engineClose(engine, ClosedBy.TRANSPORT, at));
      owners.endpoints.get(words[at + EVENT_CONNECTION] as number)?.rejected(words[at + EVENT_STREAM] as number, info);
      return;
    }
  }
  const connection = owners.connections.get(words[at + EVENT_CONNECTION] as number);
  if (connection === undefined) return;
  try {
    connectionEvent(owners, engine, connection, kind, at);
  } catch (error) {
    connection.fail(error);
  }
}

function connectionEvent(
  owners: EventOwners,
  engine: Engine,
  connection: QuicConnection,
  kind: number,
  at: number,
): void {
  const words = engine.eventWords;
  switch (kind) {
    case EventKind.STREAM: {
      const id = codeOf(words[at + EVENT_HIGH] as number, words[at + EVENT_LOW] as number);
      const unidirectional = ((words[at + EVENT_FLAGS] as number) & STREAM_UNI) !== 0;
      connection.onStream(words[at + EVENT_STREAM] as number, id, unidirectional);
      return;
    }
    case EventKind.DATAGRAM: {
      const start = words[at + EVENT_POINTER] as number;
      connection.onDatagram(engine.memory, start, start + (words[at + EVENT_LENGTH] as number));
      return;
    }
    case EventKind.DATAGRAM_DROPPED: {
      const why = dropReasons[words[at + EVENT_FLAGS] as number] ?? "queue-full";
      connection.onDatagramsDropped(words[at + EVENT_LOW] as number, why);
      return;
    }
    case EventKind.DATAGRAM_ROOM:
      connection.onDatagramRoom(words[at + EVENT_LOW] as number);
      return;
    case EventKind.PATH:
      connection.onPath(words[at + EVENT_STREAM] as number);
      return;
    case EventKind.DRAINED:
      owners.connections.delete(connection);
      connection.onDrained();
      return;
  }
}

function streamEvent(owners: EventOwners, engine: Engine, kind: number, at: number): void {
  const words = engine.eventWords;
  const stream = owners.streams.get(words[at + EVENT_STREAM] as number);
  if (stream === undefined) return;
  const { connection } = stream;
  try {
    switch (kind) {
      case EventKind.DATA: {
        const start = words[at + EVENT_POINTER] as number;
        const end = start + (words[at + EVENT_LENGTH] as number);
        stream.onData(engine.memory, start, end, ((words[at + EVENT_FLAGS] as number) & DATA_FIN) !== 0);
        return;
      }
      case EventKind.RESET:
        stream.onReset(codeOf(words[at + EVENT_HIGH] as number, words[at + EVENT_LOW] as number));
        return;
      case EventKind.STOP:
        stream.onStop(codeOf(words[at + EVENT_HIGH] as number, words[at + EVENT_LOW] as number));
        return;
      case EventKind.ACKED:
        stream.onAcked();
        return;
      case EventKind.RELEASED:
        owners.streams.delete(stream);
        connection.onReleased(stream);
        return;
    }
  } catch (error) {
    connection.fail(error);
  }
}

function connected(owners: EventOwners, engine: Engine, at: number): void {
  const words = engine.eventWords;
  const handle = words[at + EVENT_CONNECTION] as number;
  const known = owners.connections.get(handle);
  if (known !== undefined) {
    known.onConnected();
    return;
  }
  owners.endpoints.get(words[at + EVENT_STREAM] as number)?.accept(handle, words[at + EVENT_HIGH] as number);
}

function closed(owners: EventOwners, engine: Engine, at: number): void {
  const handle = engine.eventWords[at + EVENT_CONNECTION] as number;
  const close = engineClose(engine, engine.eventWords[at + EVENT_FLAGS] as number, at);
  const connection = owners.connections.get(handle);
  if (connection !== undefined) {
    connection.onClosed(closeInfo(close, connection.endpoint.closeContext(connection)));
    return;
  }
  const endpoint = owners.endpoints.get(engine.eventWords[at + EVENT_STREAM] as number);
  endpoint?.rejected(owners.info(handle)?.peer, closeFacts(close));
}

/** What an event points at. */
function bytesOf(engine: Engine, at: number): Uint8Array {
  const start = engine.eventWords[at + EVENT_POINTER] as number;
  return engine.memory.subarray(start, start + (engine.eventWords[at + EVENT_LENGTH] as number));
}

/** What a CLOSED or REFUSED event says. */
function engineClose(engine: Engine, by: number, at: number): EngineClose {
  const { eventWords } = engine;
  return {
    by,
    code: codeOf(eventWords[at + EVENT_HIGH] as number, eventWords[at + EVENT_LOW] as number),
    reason: decoder.decode(bytesOf(engine, at)),
  };
}
