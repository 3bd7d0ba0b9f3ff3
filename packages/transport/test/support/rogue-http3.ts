/** A peer that speaks HTTP/3 by hand, over a raw QUIC connection: whatever bytes a test gives it. */
import { ByteReader, ByteWriter, type CloseInfo, type Connection } from "@moqingbird/transport";
import type { FieldLine } from "../../src/h3/field-line.ts";
import { FrameType, frame } from "../../src/h3/frames.ts";
import { encodeFields } from "../../src/h3/qpack.ts";
import { encodeSettings, Setting } from "../../src/h3/settings.ts";
import { joined, varint } from "../../src/varint.ts";
import { hex } from "../h3/hex.ts";

/** SETTINGS as Chromium sends them. */
export const chromiumSettings = frame(
  FrameType.SETTINGS,
  encodeSettings([
    [0x1, 65_536],
    [Setting.MAX_FIELD_SECTION_SIZE, 16_384],
    [0x7, 100],
    [Setting.H3_DATAGRAM, 1],
    [Setting.ENABLE_WEBTRANSPORT_DRAFT02, 1],
    [0x1f * 7 + 0x21, 5],
  ]),
);

/** A request for a session, as a header block. */
export const connectFields: readonly FieldLine[] = [
  [":method", "CONNECT"],
  [":protocol", "webtransport"],
  [":scheme", "https"],
  [":authority", "localhost"],
  [":path", "/"],
];

export const getFields: readonly FieldLine[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "localhost"],
  [":path", "/health"],
];

export const headers = (fields: readonly FieldLine[]): Uint8Array => frame(FrameType.HEADERS, encodeFields(fields));

/** One side's bytes on streams. */
export class Rogue {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Opens a one-way stream with these bytes (hex, or as they are) and leaves it open. */
  oneWay(...parts: readonly (string | Uint8Array)[]): ByteWriter {
    const writer = ByteWriter.open(this.connection);
    writer.write(bytesOf(parts));
    return writer;
  }

  /** The control stream, with SETTINGS, and what may follow. */
  control(...parts: readonly (string | Uint8Array)[]): ByteWriter {
    return this.oneWay("00", chromiumSettings, ...parts);
  }

  /** Opens a stream both ways with these bytes. */
  bothWays(...parts: readonly (string | Uint8Array)[]): { readonly writer: ByteWriter; readonly reader: ByteReader } {
    const stream = { writer: new ByteWriter(), reader: new ByteReader() };
    this.connection.openBidirectional(stream.writer, stream.reader);
    stream.writer.write(bytesOf(parts));
    return stream;
  }

  /** The code the other side ended the connection with. */
  async verdict(): Promise<bigint> {
    const info: CloseInfo = await this.connection.closed;
    if (info.by !== "peer-application") throw new Error(`the connection ended by ${info.by}: ${info.reason}`);
    return info.code;
  }
}

function bytesOf(parts: readonly (string | Uint8Array)[]): Uint8Array {
  return joined(...parts.map((part) => (typeof part === "string" ? hex(part) : part)));
}

/** The first bytes of a stream of session `id`: 0x41 or 0x54, then the id. */
export const sessionPrefix = (type: 0x41 | 0x54, id: number): Uint8Array => joined(varint(type), varint(id));
