/** Frames of QMux and of the older wire, written into a message; each function returns the offset behind what it wrote. */
import type { StreamDirection } from "../streams.ts";
import { varintSize, writeVarint } from "../varint.ts";
import { frameTypes, longFrameTypes, streamBits } from "./frames.ts";
import { encodeParameters, type Parameters } from "./parameters.ts";

const encoder = new TextEncoder();
/** Longest reason of a close; the rest is cut. */
const maxReasonBytes = 1024;

/** Bytes of the longest frame that carries no payload: three integers of eight bytes behind a type of one. */
export const maxControlFrameBytes = 25;
/** The length of a STREAM frame is written behind its payload: always in two bytes, enough for 16383. */
const lengthBytes = 2;
/** Released peers take no longer STREAM payload, whatever record they announce. */
export const maxStreamPayload = 16_352;

/** RESET_STREAM. Without a final size: as the older wire has it. */
export function writeReset(
  to: Uint8Array,
  at: number,
  id: number,
  code: bigint,
  finalSize: number | undefined,
): number {
  to[at] = frameTypes.RESET_STREAM;
  const next = writeVarint(to, writeVarint(to, at + 1, id), code);
  return finalSize === undefined ? next : writeVarint(to, next, finalSize);
}

export function writeStop(to: Uint8Array, at: number, id: number, code: bigint): number {
  to[at] = frameTypes.STOP_SENDING;
  return writeVarint(to, writeVarint(to, at + 1, id), code);
}

/** MAX_DATA, or DATA_BLOCKED. */
export function writeLimit(to: Uint8Array, at: number, type: "MAX_DATA" | "DATA_BLOCKED", limit: number): number {
  to[at] = frameTypes[type];
  return writeVarint(to, at + 1, limit);
}

export function writeStreamLimit(
  to: Uint8Array,
  at: number,
  type: "MAX_STREAM_DATA" | "STREAM_DATA_BLOCKED",
  id: number,
  limit: number,
): number {
  to[at] = frameTypes[type];
  return writeVarint(to, writeVarint(to, at + 1, id), limit);
}

export function writeStreamCount(
  to: Uint8Array,
  at: number,
  type: "MAX_STREAMS" | "STREAMS_BLOCKED",
  direction: StreamDirection,
  count: number,
): number {
  to[at] = direction === "bidirectional" ? frameTypes[`${type}_BIDI` as const] : frameTypes[`${type}_UNI` as const];
  return writeVarint(to, at + 1, count);
}

/** QX_PING, as a question or as its answer. */
export function writePing(to: Uint8Array, at: number, sequence: bigint, answer: boolean): number {
  const type = answer ? longFrameTypes.QX_PONG : longFrameTypes.QX_PING;
  return writeVarint(to, writeVarint(to, at, type), sequence);
}

/** Bytes that a STREAM frame needs beside its payload. */
export function streamOverhead(quicFrames: boolean, id: number, offset: number): number {
  return quicFrames ? 1 + varintSize(id) + varintSize(offset) + lengthBytes : 1 + varintSize(id);
}

/** Writes a STREAM frame around a payload of `length` bytes that stands `streamOverhead` behind `at` already. */
export function writeStreamHead(
  to: Uint8Array,
  at: number,
  quicFrames: boolean,
  frame: { readonly id: number; readonly offset: number; readonly length: number; readonly fin: boolean },
): number {
  const fin = frame.fin ? streamBits.FIN : 0;
  const bits = quicFrames ? streamBits.OFF | streamBits.LEN : 0;
  to[at] = frameTypes.STREAM | bits | fin;
  let next = writeVarint(to, at + 1, frame.id);
  if (quicFrames) {
    next = writeVarint(to, next, frame.offset);
    to[next] = 0x40 | (frame.length >> 8);
    to[next + 1] = frame.length & 0xff;
    next += lengthBytes;
  }
  return next + frame.length;
}

/** Bytes of a DATAGRAM frame around a payload. */
export function datagramFrameBytes(payloadBytes: number): number {
  return 1 + varintSize(payloadBytes) + payloadBytes;
}

/** Largest payload of a DATAGRAM frame of so many bytes; 0 if there is none. */
export function datagramPayload(frameBytes: number): number {
  const payload = frameBytes - 1 - varintSize(Math.max(0, frameBytes - 2));
  return Math.max(0, datagramFrameBytes(payload + 1) <= frameBytes ? payload + 1 : payload);
}

export function writeDatagram(to: Uint8Array, at: number, payload: Uint8Array): number {
  to[at] = frameTypes.DATAGRAM_LEN;
  const next = writeVarint(to, at + 1, payload.length);
  to.set(payload, next);
  return next + payload.length;
}

/** A message that has nothing but our transport parameters. */
export function parametersMessage(parameters: Parameters): Uint8Array {
  const payload = encodeParameters(parameters);
  const message = new Uint8Array(16 + payload.length);
  const at = writeVarint(message, writeVarint(message, 0, longFrameTypes.QX_TRANSPORT_PARAMETERS), payload.length);
  message.set(payload, at);
  return message.subarray(0, at + payload.length);
}

/** A message that ends the connection. */
export function closeMessage(
  quicFrames: boolean,
  close: { readonly application: boolean; readonly code: bigint; readonly reason: string; readonly frameType?: number },
): Uint8Array {
  const reason = clipped(encoder.encode(close.reason));
  const message = new Uint8Array(32 + reason.length);
  message[0] = close.application ? frameTypes.APPLICATION_CLOSE : frameTypes.CONNECTION_CLOSE;
  let at = writeVarint(message, 1, close.code);
  if (quicFrames) {
    if (!close.application) at = writeVarint(message, at, close.frameType ?? 0);
    at = writeVarint(message, at, reason.length);
  }
  message.set(reason, at);
  return message.subarray(0, at + reason.length);
}

/** At most `maxReasonBytes`, never ending inside a character. */
function clipped(text: Uint8Array): Uint8Array {
  if (text.length <= maxReasonBytes) return text;
  let end = maxReasonBytes;
  while (end > 0 && ((text[end] as number) & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}
