/**
 * The smallest HTTP/3 client: plain GETs over a connection of our transport, which has none of its own. Its header blocks
 * refer to QPACK's static table and to nothing else (RFC 9204 appendix A), and since it announces no dynamic table, the
 * server's do too.
 */
import { readFile } from "node:fs/promises";
import {
  ByteReader,
  ByteWriter,
  type Connection,
  type ConnectOptions,
  connect,
  type EarlyConnection,
} from "@moqingbird/transport";
import { onTestFinished } from "vitest";
import type { CertificateFiles } from "../lab/lab.ts";

/** Type of a control stream, and a SETTINGS frame without settings on it (RFC 9114 sections 6.2.1 and 7.2.4). */
const controlStream = Uint8Array.of(0x00, 0x04, 0x00);
const dataFrame = 0x00;
const headersFrame = 0x01;
/** Neither Required Insert Count nor Base (RFC 9204 section 4.5.1). */
const fieldSectionPrefix = [0x00, 0x00];
/** Indexed field lines of the static table. */
const methodGet = 0xd1;
const schemeHttps = 0xd7;
const status200 = 0xd9;
/** Literal field lines whose name is in the static table. */
const authorityName = 0x50;
const pathName = 0x51;
/** Longest value whose length fits into the first byte of a string without Huffman code. */
const maxValueBytes = 126;
/** Frame headers around a body, in bytes; more than any server needs. */
const maxFramingBytes = 1 << 20;

/** A connection to an HTTP/3 server at 127.0.0.1, which verifies its certificate. */
export async function connectHttp3(
  port: number,
  { root }: CertificateFiles,
  { onEarlyData, ...options }: Pick<ConnectOptions, "transport" | "onEarlyData"> = {},
): Promise<Connection> {
  const roots = [await readFile(root, "utf8")];
  const early = (connection: EarlyConnection) => {
    openControl(connection);
    onEarlyData?.(connection);
  };
  const connection = await connect({
    host: "127.0.0.1",
    port,
    alpn: ["h3"],
    trust: { roots },
    ...options,
    ...(onEarlyData && { onEarlyData: early }),
  });
  onTestFinished(() => connection.close());
  // What the server opens are its control stream and QPACK's: read, so that it never waits for credit.
  connection.handler = { stream: () => new ByteReader() };
  if (connection.earlyData !== "accepted") openControl(connection);
  return connection;
}

function openControl(connection: EarlyConnection): void {
  ByteWriter.open(connection).write(controlStream);
}

/** Serves an HTTP/3 connection by hand, each request with the same body: the transport's own server has no 0-RTT. */
export function answerAll(connection: Connection, body: Uint8Array): void {
  openControl(connection);
  connection.handler = {
    stream: (stream) => {
      const reader = new ByteReader();
      if (stream.direction === "bidirectional") {
        const writer = new ByteWriter({ limitBytes: body.length + maxFramingBytes });
        stream.setSource(writer);
        const head = [headersFrame, 3, ...fieldSectionPrefix, status200, dataFrame, ...varint(body.length)];
        const answer = async () => {
          await reader.bytes();
          writer.write(Buffer.concat([Uint8Array.from(head), body]));
          writer.finish();
        };
        answer().catch(() => {}); // the client, which ends the connection when it has what it wants, tells
      }
      return reader;
    },
  };
}

/** Fetches a file. Rejects for any status but 200, and for more bytes than `maxBytes`. */
export async function get(
  connection: EarlyConnection,
  authority: string,
  path: string,
  maxBytes: number,
): Promise<Buffer> {
  const [writer, reader] = [new ByteWriter(), new ByteReader()];
  connection.openBidirectional(writer, reader);
  const block = [
    ...fieldSectionPrefix,
    methodGet,
    schemeHttps,
    ...field(authorityName, authority),
    ...field(pathName, path),
  ];
  writer.write(Uint8Array.of(headersFrame, ...varint(block.length), ...block));
  writer.finish();
  return bodyOf(Buffer.from(await reader.bytes(maxBytes + maxFramingBytes)), path);
}

function bodyOf(response: Buffer, path: string): Buffer {
  const pieces: Buffer[] = [];
  let answered = false;
  for (let at = 0; at < response.length; ) {
    const [type, afterType] = readVarint(response, at);
    const [length, start] = readVarint(response, afterType);
    at = start + length;
    if (type === headersFrame && !answered) {
      answered = true;
      if (response[start + fieldSectionPrefix.length] !== status200)
        throw new Error(`${path} was not answered with 200.`);
    } else if (type === dataFrame) pieces.push(response.subarray(start, at));
  }
  return Buffer.concat(pieces);
}

function field(name: number, value: string): number[] {
  const bytes = [...Buffer.from(value)];
  if (bytes.length > maxValueBytes) throw new Error(`${value} is too long for this client.`);
  return [name, bytes.length, ...bytes];
}

/** RFC 9000 section 16, up to 16383. */
const varint = (value: number): number[] => (value < 64 ? [value] : [0x40 | (value >> 8), value & 0xff]);

function readVarint(bytes: Buffer, at: number): [value: number, next: number] {
  const first = bytes.readUInt8(at);
  const length = 1 << (first >> 6);
  let value = first & 0x3f;
  for (let i = 1; i < length; i++) value = value * 256 + bytes.readUInt8(at + i);
  return [value, at + length];
}
