/** Control messages in tests. */
import { type ControlMessage, draft14, type Limits, type NeedMore, Reader, Writer } from "@moqingbird/codec";

export function encode(message: ControlMessage): Uint8Array {
  const writer = new Writer();
  draft14.encodeControl(writer, message);
  return writer.toBytes();
}

export function decode(bytes: Uint8Array, limits?: Limits): ControlMessage | NeedMore {
  return draft14.decodeControl(new Reader(bytes), limits);
}

/** A message from its type and body: the length is put between. */
export function frame(type: number, body: Uint8Array): Uint8Array {
  return Uint8Array.of(type, body.length >> 8, body.length & 0xff, ...body);
}
