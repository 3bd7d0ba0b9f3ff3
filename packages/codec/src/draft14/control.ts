/**
 * Framing of the control stream: type, a 16-bit length, body (section 9). A type nobody defined and a length that does not
 * match the fields end the session.
 */
import { CodecError } from "../errors.ts";
import { defaultLimits, type Limits } from "../limits.ts";
import type { ControlMessage, ControlMessageType } from "../messages.ts";
import type { Reader } from "../reader.ts";
import { readWireInteger, varintLength } from "../varint.ts";
import { type NeedMore, needMore } from "../wire.ts";
import type { Writer } from "../writer.ts";
import { fetch, fetchCancel, fetchError, fetchOk } from "./fetch.ts";
import { goaway } from "./goaway.ts";
import type { MessageCodec } from "./message.ts";
import { publish, publishDone, publishError, publishOk } from "./publish.ts";
import {
  publishNamespace,
  publishNamespaceCancel,
  publishNamespaceDone,
  publishNamespaceError,
  publishNamespaceOk,
} from "./publish-namespace.ts";
import { maxRequestId, requestsBlocked } from "./request-credit.ts";
import { clientSetup, serverSetup } from "./setup.ts";
import { subscribe, subscribeError, subscribeOk, subscribeUpdate, unsubscribe } from "./subscribe.ts";
import {
  subscribeNamespace,
  subscribeNamespaceError,
  subscribeNamespaceOk,
  unsubscribeNamespace,
} from "./subscribe-namespace.ts";
import { trackStatus, trackStatusError, trackStatusOk } from "./track-status.ts";

const maxBodyBytes = 65_535;

const codecs: readonly MessageCodec[] = [
  clientSetup,
  serverSetup,
  goaway,
  maxRequestId,
  requestsBlocked,
  subscribe,
  subscribeOk,
  subscribeError,
  subscribeUpdate,
  unsubscribe,
  publishDone,
  publish,
  publishOk,
  publishError,
  fetch,
  fetchOk,
  fetchError,
  fetchCancel,
  trackStatus,
  trackStatusOk,
  trackStatusError,
  publishNamespace,
  publishNamespaceOk,
  publishNamespaceError,
  publishNamespaceDone,
  publishNamespaceCancel,
  subscribeNamespace,
  subscribeNamespaceOk,
  subscribeNamespaceError,
  unsubscribeNamespace,
];

const byId = new Map<number | bigint, MessageCodec>(codecs.map((codec) => [codec.id, codec]));
const byType = new Map<ControlMessageType, MessageCodec>(codecs.map((codec) => [codec.type, codec]));

/** See `Wire.decodeControl`. */
export function decodeControl(reader: Reader, limits: Limits = defaultLimits): ControlMessage | NeedMore {
  const start = reader.position;
  if (reader.remaining === 0) return needMore;
  const typeLength = varintLength(reader.bytes[start]!);
  if (reader.remaining < typeLength) return needMore;
  const id = readWireInteger(reader.bytes, start);
  const codec = byId.get(id);
  // Said before the length is there: an unknown type cannot be saved by more bytes.
  if (codec === undefined) throw new CodecError("message-type-unknown", "Message Type", 0, `It is ${id}.`);
  if (reader.remaining < typeLength + 2) return needMore;
  const lengthAt = start + typeLength;
  const length = (reader.bytes[lengthAt]! << 8) | reader.bytes[lengthAt + 1]!;
  const bodyStart = lengthAt + 2;
  if (reader.end - bodyStart < length) return needMore;
  return readBody(reader, codec, start, bodyStart, bodyStart + length, limits);
}

function readBody(
  reader: Reader,
  codec: MessageCodec,
  start: number,
  bodyStart: number,
  bodyEnd: number,
  limits: Limits,
): ControlMessage {
  const { end, origin } = reader;
  reader.origin = start;
  reader.position = bodyStart;
  reader.end = bodyEnd;
  try {
    const message = codec.read(reader, limits);
    if (reader.remaining > 0) throw new CodecError("message-overlong", codec.type, reader.offset);
    return message;
  } finally {
    reader.end = end;
    reader.origin = origin;
  }
}

/** See `Wire.encodeControl`. */
export function encodeControl(writer: Writer, message: ControlMessage): void {
  const codec = byType.get(message.type);
  if (codec === undefined) throw new CodecError("message-not-in-version", message.type);
  const start = writer.length;
  try {
    writer.varint(codec.id, "Message Type");
    const lengthAt = writer.reserveU16("Message Length");
    const bodyStart = writer.length;
    codec.write(writer, message);
    const length = writer.length - bodyStart;
    if (length > maxBodyBytes) {
      throw new CodecError("message-too-large", codec.type, undefined, `It has ${length} bytes.`);
    }
    writer.patchU16(lengthAt, length);
  } catch (error) {
    writer.reset(start);
    throw error;
  }
}
