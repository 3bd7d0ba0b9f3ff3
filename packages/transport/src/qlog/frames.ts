/** The frames of a packet as qlog has them: RFC 9000 section 19, RFC 9221; draft-ietf-quic-qlog-quic-events-04, section "QUIC Frames". */
import { FieldReader, hex, type JsonInteger } from "./fields.ts";

/** A frame; `frame_type` says which other keys there are. */
export type QlogFrame = { readonly frame_type: string } & Readonly<Record<string, unknown>>;

/** A packet's payload, taken apart. */
export interface PacketFrames {
  readonly frames: readonly QlogFrame[];
  /** Acknowledged packet numbers, highest first: [lowest, highest]. */
  readonly acked: readonly (readonly [number, number])[];
}

const decoder = new TextDecoder();

/** RFC 9000 section 20.1, from 0 on. */
const transportErrors = [
  "no_error",
  "internal_error",
  "connection_refused",
  "flow_control_error",
  "stream_limit_error",
  "stream_state_error",
  "final_size_error",
  "frame_encoding_error",
  "transport_parameter_error",
  "connection_id_limit_error",
  "protocol_violation",
  "invalid_token",
  "application_error",
  "crypto_buffer_exceeded",
  "key_update_error",
  "aead_limit_reached",
  "no_viable_path",
] as const;

/** The name of a transport error, as far as qlog has one. */
export function transportErrorName(code: bigint): string | undefined {
  if (code >= 0x100n && code <= 0x1ffn) return `crypto_error_0x${code.toString(16)}`;
  return transportErrors[Number(code)];
}

/** Frames of a payload. What cannot be read becomes one "unknown" frame: a trace must not fail where a peer did. */
export function readFrames(payload: Uint8Array, ackDelayExponent: number): PacketFrames {
  const reader = new FieldReader(payload);
  const frames: QlogFrame[] = [];
  const acked: (readonly [number, number])[] = [];
  while (reader.left > 0) {
    const start = reader.at;
    let type = 0n;
    try {
      type = reader.varint();
      frames.push(readFrame(Number(type), reader, ackDelayExponent, acked));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      frames.push({ frame_type: "unknown", frame_type_value: Number(type), raw: { length: payload.length - start } });
      break;
    }
  }
  return { frames, acked };
}

function readFrame(
  type: number,
  reader: FieldReader,
  ackDelayExponent: number,
  acked: (readonly [number, number])[],
): QlogFrame {
  if (type >= 0x08 && type <= 0x0f) return streamFrame(type, reader);
  switch (type) {
    case 0x00:
      return padding(reader);
    case 0x01:
      return { frame_type: "ping" };
    case 0x02:
    case 0x03:
      return ackFrame(type === 0x03, reader, ackDelayExponent, acked);
    case 0x04:
      return {
        frame_type: "reset_stream",
        stream_id: reader.integer(),
        error_code: reader.integer(),
        final_size: reader.integer(),
      };
    case 0x05:
      return { frame_type: "stop_sending", stream_id: reader.integer(), error_code: reader.integer() };
    case 0x06:
      return { frame_type: "crypto", offset: reader.integer(), length: reader.skip(reader.small()) };
    case 0x07: {
      const length = reader.skip(reader.small());
      return { frame_type: "new_token", token: { type: "resumption", raw: { length } } };
    }
    case 0x10:
      return { frame_type: "max_data", maximum: reader.integer() };
    case 0x11:
      return { frame_type: "max_stream_data", stream_id: reader.integer(), maximum: reader.integer() };
    case 0x12:
    case 0x13:
      return { frame_type: "max_streams", stream_type: streamType(type === 0x13), maximum: reader.integer() };
    case 0x14:
      return { frame_type: "data_blocked", limit: reader.integer() };
    case 0x15:
      return { frame_type: "stream_data_blocked", stream_id: reader.integer(), limit: reader.integer() };
    case 0x16:
    case 0x17:
      return { frame_type: "streams_blocked", stream_type: streamType(type === 0x17), limit: reader.integer() };
    case 0x18:
      return newConnectionId(reader);
    case 0x19:
      return { frame_type: "retire_connection_id", sequence_number: reader.integer() };
    case 0x1a:
      return { frame_type: "path_challenge", data: hex(reader.slice(8)) };
    case 0x1b:
      return { frame_type: "path_response", data: hex(reader.slice(8)) };
    case 0x1c:
    case 0x1d:
      return connectionClose(type === 0x1d, reader);
    case 0x1e:
      return { frame_type: "handshake_done" };
    case 0x30:
      return { frame_type: "datagram", length: reader.skip(reader.left) };
    case 0x31:
      return { frame_type: "datagram", length: reader.skip(reader.small()) };
    case ackFrequencyType: {
      // Four integers: draft-ietf-quic-ack-frequency, section 4.
      for (let field = 0; field < 4; field++) reader.varint();
      return { frame_type: "unknown", frame_type_value: type };
    }
    case immediateAckType:
      return { frame_type: "unknown", frame_type_value: type };
    default:
      throw new RangeError("not a frame type we know");
  }
}

const ackFrequencyType = 0xaf;
/** draft-ietf-quic-ack-frequency, section 5. */
const immediateAckType = 0x1f;

const streamType = (unidirectional: boolean): string => (unidirectional ? "unidirectional" : "bidirectional");

/** Padding has no length of its own: what stands together is one frame, as qlog wants it. */
function padding(reader: FieldReader): QlogFrame {
  const { bytes, at } = reader;
  let end = at;
  while (end < bytes.length && bytes[end] === 0) end++;
  const length = reader.skip(end - at) + 1;
  return { frame_type: "padding", length, payload_length: 0 };
}

function ackFrame(
  ecn: boolean,
  reader: FieldReader,
  exponent: number,
  acked: (readonly [number, number])[],
): QlogFrame {
  let highest = reader.small();
  const delayMs = (reader.small() * 2 ** exponent) / 1000;
  const gaps = reader.small();
  let lowest = highest - reader.small();
  const ranges: [number, number][] = [[lowest, highest]];
  for (let i = 0; i < gaps; i++) {
    highest = lowest - reader.small() - 2;
    lowest = highest - reader.small();
    ranges.push([lowest, highest]);
  }
  if (lowest < 0) throw new RangeError("an acknowledged packet number is below 0");
  acked.push(...ranges);
  return {
    frame_type: "ack",
    ack_delay: delayMs,
    acked_ranges: ranges.map(([low, high]) => (low === high ? [low] : [low, high])),
    ...(ecn && { ect0: reader.integer(), ect1: reader.integer(), ce: reader.integer() }),
  };
}

/** RFC 9000 section 19.8: the low bits of the type say which fields are there. */
function streamFrame(type: number, reader: FieldReader): QlogFrame {
  const stream_id = reader.integer();
  const offset: JsonInteger = (type & 0x04) !== 0 ? reader.integer() : 0;
  const length = reader.skip((type & 0x02) !== 0 ? reader.small() : reader.left);
  return { frame_type: "stream", stream_id, offset, length, ...((type & 0x01) !== 0 && { fin: true }) };
}

/** Without the stateless reset token, which is a secret between the two ends. */
function newConnectionId(reader: FieldReader): QlogFrame {
  const sequence_number = reader.integer();
  const retire_prior_to = reader.integer();
  const connection_id_length = reader.byte();
  const connection_id = hex(reader.slice(connection_id_length));
  reader.skip(16);
  return { frame_type: "new_connection_id", sequence_number, retire_prior_to, connection_id_length, connection_id };
}

function connectionClose(application: boolean, reader: FieldReader): QlogFrame {
  const code = reader.varint();
  const trigger = application ? undefined : reader.integer();
  const reason = decoder.decode(reader.slice(reader.small()));
  const name = application ? undefined : transportErrorName(code);
  const number = Number(code);
  return {
    frame_type: "connection_close",
    error_space: application ? "application" : "transport",
    ...(name !== undefined ? { error_code: name } : number <= 0xffff_ffff && { error_code: number }),
    error_code_value: number,
    ...(reason !== "" && { reason }),
    ...(trigger !== undefined && { trigger_frame_type: trigger }),
  };
}
