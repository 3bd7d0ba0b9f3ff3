/**
 * What runs inside of a page without WebTransport: our client over its WebSocket, a global named `moqingbird`. Each function is
 * sent there as text, so it may use nothing but its argument, that global and what browsers have.
 */
import { fileURLToPath } from "node:url";
import type * as Transport from "@moqingbird/transport/browser";
import { build } from "esbuild";

declare const moqingbird: typeof Transport;

/** The script that defines the global. */
export async function browserTransport(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve("@moqingbird/transport/browser"))],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "moqingbird",
    target: "es2022",
    conditions: ["@moqingbird/source"],
  });
  return outputFiles[0]?.text ?? "";
}

/** Opens a session and tells the protocol that was agreed on, or why there is none. */
export async function openSession({ url, protocols }: { readonly url: string; readonly protocols: readonly string[] }) {
  try {
    const connection = await moqingbird.connectWebSocket(url, { protocols });
    const { protocol } = connection;
    connection.close();
    return protocol;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Sends `streams` streams both ways of `bytes` each and returns how many came back whole. */
export async function echoBothWays({ url, streams, bytes }: { url: string; streams: number; bytes: number }) {
  const connection = await moqingbird.connectWebSocket(url);
  let whole = 0;
  const one = async (seed: number) => {
    const sent = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed) & 0xff);
    const [writer, reader] = [new moqingbird.ByteWriter({ limitBytes: bytes + 1 }), new moqingbird.ByteReader()];
    connection.openBidirectional(writer, reader);
    writer.write(sent);
    writer.finish();
    const received = await reader.bytes();
    if (received.length === bytes && received.every((byte, i) => byte === sent[i])) whole++;
  };
  for (let first = 0; first < streams; first += 50) {
    await Promise.all(Array.from({ length: Math.min(50, streams - first) }, (_, i) => one(first + i)));
  }
  connection.close();
  return whole;
}

/** Sends one-way streams and counts those that come back whole on one-way streams. */
export async function echoOneWay({ url, streams, bytes }: { url: string; streams: number; bytes: number }) {
  const connection = await moqingbird.connectWebSocket(url);
  const seeds = new Set<number>();
  const all = new Promise<void>((resolve) => {
    connection.handler = {
      stream: () => {
        const reader = new moqingbird.ByteReader();
        void reader.bytes().then((received) => {
          if (received.length === bytes && received.every((byte) => byte === received[0])) seeds.add(received[0] ?? -1);
          if (seeds.size === streams) resolve();
        });
        return reader;
      },
    };
  });
  for (let seed = 0; seed < streams; seed++) {
    const writer = moqingbird.ByteWriter.open(connection, { limitBytes: bytes + 1 });
    writer.write(new Uint8Array(bytes).fill(seed));
    writer.finish();
  }
  await all;
  connection.close();
  return seeds.size;
}

/** Sends datagrams, which TCP does not lose, and counts those that come back. */
export async function echoDatagrams({ url, count }: { url: string; count: number }) {
  const connection = await moqingbird.connectWebSocket(url);
  const back = new Set<number>();
  const all = new Promise<void>((resolve) => {
    connection.handler = {
      datagram: (bytes, start) => {
        back.add(bytes[start] as number);
        if (back.size === count) resolve();
      },
    };
  });
  for (let i = 0; i < count; i++) connection.sendDatagram(Uint8Array.of(i));
  await all;
  connection.close();
  return back.size;
}

/** The codes with which the server resets and stops a stream. */
export async function beRefused({ url }: { url: string }) {
  const connection = await moqingbird.connectWebSocket(url);
  const [writer, reader] = [new moqingbird.ByteWriter(), new moqingbird.ByteReader()];
  const stopped = new Promise<number>((resolve) => {
    const tell = writer.stopped.bind(writer);
    writer.stopped = (code) => {
      resolve(Number(code));
      tell(code);
    };
  });
  const reset = new Promise<number>((resolve) => {
    const tell = reader.reset.bind(reader);
    reader.reset = (code) => {
      resolve(Number(code));
      tell(code);
    };
  });
  reader.read().catch(() => {});
  connection.openBidirectional(writer, reader);
  writer.write(Uint8Array.of(1));
  const codes = { reset: await reset, stop: await stopped };
  connection.close();
  return codes;
}

/** Says something and is told how the server closes. */
export async function beClosed({ url }: { url: string }) {
  const connection = await moqingbird.connectWebSocket(url);
  moqingbird.ByteWriter.open(connection).write(Uint8Array.of(1));
  const { by, code, reason } = await connection.closed;
  return { by, code: Number(code), reason };
}

/** Closes with code and words. */
export async function close({ url }: { url: string }) {
  const connection = await moqingbird.connectWebSocket(url);
  connection.close({ code: 4_000_000_000, reason: "ciao, Vögel" });
  await connection.closed;
}
