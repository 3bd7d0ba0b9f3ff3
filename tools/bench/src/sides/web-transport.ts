/** Loads over the W3C interface, written once for every runtime that has it: WHATWG streams, a promise per chunk. */
import { chunkBytes, datagramBytes, type Load, objectBytes, objectWindow } from "./load.ts";

/** What is used of a session. */
export interface Session {
  readonly ready: Promise<unknown>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
  };
  createUnidirectionalStream(options?: object): Promise<WritableStream<Uint8Array>>;
}

export interface Count {
  units: number;
  bytes: number;
}

/** Counts whatever comes, until the session ends. */
export function receive(session: Session, load: Load, count: Count): void {
  const work = load === "datagrams" ? receiveDatagrams(session, count) : receiveStreams(session, count);
  work.catch(() => {}); // the sender has gone
}

/** Sends without end. */
export function send(session: Session, load: Load, count: Count): void {
  if (load === "bulk") void sendBulk(session, count);
  else if (load === "datagrams") void sendDatagrams(session, count);
  else for (let i = 0; i < objectWindow; i++) void sendObjects(session, count);
}

async function receiveDatagrams(session: Session, count: Count): Promise<void> {
  for await (const datagram of session.datagrams.readable) {
    count.units++;
    count.bytes += datagram.length;
  }
}

async function receiveStreams(session: Session, count: Count): Promise<void> {
  for await (const stream of session.incomingUnidirectionalStreams) drain(stream, count).catch(() => {});
}

async function drain(stream: ReadableStream<Uint8Array>, count: Count): Promise<void> {
  for await (const chunk of stream) count.bytes += chunk.length;
  count.units++;
}

async function sendBulk(session: Session, count: Count): Promise<void> {
  const writer = (await session.createUnidirectionalStream()).getWriter();
  const chunk = new Uint8Array(chunkBytes).fill(7);
  for (;;) {
    await writer.write(chunk);
    count.bytes += chunk.length;
  }
}

async function sendObjects(session: Session, count: Count): Promise<void> {
  const payload = new Uint8Array(objectBytes).fill(7);
  for (;;) {
    const stream = await session.createUnidirectionalStream({ waitUntilAvailable: true });
    const writer = stream.getWriter();
    await writer.write(payload);
    await writer.close();
    count.units++;
    count.bytes += payload.length;
  }
}

async function sendDatagrams(session: Session, count: Count): Promise<void> {
  const writer = session.datagrams.writable.getWriter();
  const payload = new Uint8Array(datagramBytes).fill(7);
  for (;;) {
    await writer.write(payload);
    count.units++;
    count.bytes += payload.length;
  }
}
