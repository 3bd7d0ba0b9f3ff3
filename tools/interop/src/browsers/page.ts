/**
 * What runs inside of the browser's page. Each function is sent there as text, so it may use nothing but its argument and
 * what browsers have.
 */
import type { WebTransport as OurWebTransport, WebTransportError as OurWebTransportError } from "@moqingbird/transport";

// The browser's own; ours has the same shape, which is the point.
declare const WebTransport: typeof OurWebTransport;
declare const WebTransportError: typeof OurWebTransportError;

/** Where to, and which certificate to believe. */
export interface Target {
  readonly url: string;
  readonly hash: readonly number[];
  readonly protocols?: readonly string[];
}

/** Opens a session and tells what came of it. */
export async function openSession({ url, hash, protocols }: Target) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
    ...(protocols === undefined ? {} : { protocols }),
  });
  const closed = session.closed.then(
    () => "resolved",
    () => "rejected",
  );
  try {
    await session.ready;
    const { protocol = "none" } = session;
    session.close();
    return { ready: true, closed: await closed, protocol, source: "" };
  } catch (error) {
    return { ready: false, closed: await closed, protocol: "", source: (error as { source: string }).source };
  }
}

/** Sends `streams` streams both ways of `bytes` each and returns how many came back whole. */
export async function echoBothWays({ url, hash, streams, bytes }: Target & { streams: number; bytes: number }) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  let whole = 0;
  const one = async (seed: number) => {
    const sent = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed) & 0xff);
    const { readable, writable } = await session.createBidirectionalStream();
    const writer = writable.getWriter();
    const written = writer.write(sent).then(() => writer.close());
    const received = new Uint8Array(await new Response(readable as ReadableStream<Uint8Array>).arrayBuffer());
    await written;
    if (received.length === bytes && received.every((byte, i) => byte === sent[i])) whole++;
  };
  for (let first = 0; first < streams; first += 50) {
    await Promise.all(Array.from({ length: Math.min(50, streams - first) }, (_, i) => one(first + i)));
  }
  session.close();
  return whole;
}

/** Sends one-way streams and counts those that come back whole on one-way streams. */
export async function echoOneWay({ url, hash, streams, bytes }: Target & { streams: number; bytes: number }) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  const sending = (async () => {
    for (let seed = 0; seed < streams; seed++) {
      const writer = (await session.createUnidirectionalStream()).getWriter();
      await writer.write(new Uint8Array(bytes).fill(seed));
      await writer.close();
    }
  })();
  const incoming = session.incomingUnidirectionalStreams.getReader();
  const seeds = new Set<number>();
  for (let i = 0; i < streams; i++) {
    const { value } = await incoming.read();
    const received = new Uint8Array(await new Response(value as ReadableStream<Uint8Array>).arrayBuffer());
    if (received.length === bytes && received.every((byte) => byte === received[0])) seeds.add(received[0]!);
  }
  await sending;
  session.close();
  return seeds.size;
}

/** Sends datagrams until `count` different ones have come back; they may be lost. */
export async function echoDatagrams({ url, hash, count, bytes }: Target & { count: number; bytes: number }) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  const { readable, writable, maxDatagramSize } = session.datagrams;
  const back = new Set<number>();
  const reading = (async () => {
    const reader = readable.getReader();
    while (back.size < count) {
      const { value, done } = await reader.read();
      if (done) return;
      if (value.length === bytes) back.add(value[0]!);
    }
  })();
  const writer = writable.getWriter();
  for (let round = 0; round < 50 && back.size < count; round++) {
    for (let i = 0; i < count; i++) if (!back.has(i)) await writer.write(new Uint8Array(bytes).fill(i));
    await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  session.close();
  return { back: back.size, maxDatagramSize };
}

/** Reads what the server opens: one stream both ways, one one-way. */
export async function readOpened({ url, hash }: Target) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  const both = await session.incomingBidirectionalStreams.getReader().read();
  const one = await session.incomingUnidirectionalStreams.getReader().read();
  const texts = [
    await new Response(both.value!.readable as ReadableStream<Uint8Array>).text(),
    await new Response(one.value as ReadableStream<Uint8Array>).text(),
  ];
  session.close();
  return texts;
}

/**
 * Says something in each of several sessions and waits for the server to close them, until one has told how. Chromium tells
 * its page of the end over two pipes, and if the wrong one is first, all it knows is "Connection lost".
 */
export async function beClosed({ url, hash, sessions }: Target & { sessions: number }) {
  const outcomes: (string | { closeCode: number; reason: string })[] = [];
  for (let i = 0; i < sessions; i++) {
    const session = new WebTransport(url, {
      serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
    });
    await session.ready;
    const writer = (await session.createUnidirectionalStream()).getWriter();
    writer.write(new Uint8Array([1])).catch(() => {}); // may hear of the end before it is done
    outcomes.push(
      await session.closed.then(
        ({ closeCode = -1, reason = "" }) => ({ closeCode, reason }),
        (error: Error) => error.message,
      ),
    );
    if (typeof outcomes.at(-1) === "object") break;
  }
  return outcomes;
}

/** Closes with code and words. */
export async function close({ url, hash }: Target) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  session.close({ closeCode: 4_000_000_000, reason: "ciao, Vögel" });
  await session.closed;
}

/**
 * Opens streams that the server resets with one code and stops with another, until the code of a stop was told. Here too
 * Chromium has two pipes, and may know no more than that the stream was aborted.
 */
export async function beRefused({ url, hash, streams }: Target & { streams: number }) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  const codeOf = (over: Promise<unknown>) =>
    over.then(
      () => "no error",
      (error: { streamErrorCode?: number; name: string }) => error.streamErrorCode ?? error.name,
    );
  const outcomes: { reset: number | string; stop: number | string }[] = [];
  for (let i = 0; i < streams; i++) {
    const { readable, writable } = await session.createBidirectionalStream();
    const writer = writable.getWriter();
    writer.write(new Uint8Array([1])).catch(() => {}); // without a byte, Chromium does not tell the server of the stream
    const [reset, stop] = await Promise.all([codeOf(readable.getReader().closed), codeOf(writer.closed)]);
    outcomes.push({ reset, stop });
    if (typeof stop === "number") break;
  }
  session.close();
  return outcomes;
}

/** Resets and stops a stream with codes of its own, once the server has said something on it. */
export async function refuse({ url, hash }: Target) {
  const session = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value: new Uint8Array(hash) }],
  });
  await session.ready;
  const { readable, writable } = await session.createBidirectionalStream();
  const writer = writable.getWriter();
  const reader = readable.getReader();
  await writer.write(new Uint8Array([1]));
  await reader.read();
  const failure = (streamErrorCode: number) => new WebTransportError({ streamErrorCode });
  await writer.abort(failure(51));
  await reader.cancel(failure(52));
  await session.closed.catch(() => {});
}
