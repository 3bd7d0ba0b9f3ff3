/** A packet's header as qlog has it: RFC 9000 section 17; draft-ietf-quic-qlog-quic-events-04, section "PacketHeader". */
import { FieldReader, hex } from "./fields.ts";

/** Packet types that have packet numbers. */
export type PacketType = "initial" | "0RTT" | "handshake" | "1RTT";

/** `PacketHeader` of the draft. */
export type QlogHeader = { readonly packet_type: PacketType } & Readonly<Record<string, unknown>>;

const longTypes = ["initial", "0RTT", "handshake", "1RTT"] as const;

/** RFC 9000 section 17.2: header form, and the two bits of the long packet's type. */
export function packetType(header: Uint8Array): PacketType {
  const flags = header[0] ?? 0;
  return (flags & 0x80) === 0 ? "1RTT" : (longTypes[(flags >> 4) & 0x03] ?? "1RTT");
}

/** `header` without protection, up to and with the packet number, of which it has only the low bytes. */
export function readHeader(header: Uint8Array, packetNumber: bigint): QlogHeader {
  const packet_type = packetType(header);
  const common = { packet_type, packet_number: Number(packetNumber), flags: header[0] ?? 0 };
  const packetNumberBytes = ((header[0] ?? 0) & 0x03) + 1;
  if (packet_type === "1RTT") {
    const dcid = header.subarray(1, Math.max(1, header.length - packetNumberBytes));
    return { ...common, dcil: dcid.length, dcid: hex(dcid) };
  }
  const reader = new FieldReader(header);
  try {
    reader.byte();
    const version = reader.uint32().toString(16).padStart(8, "0");
    const dcid = reader.slice(reader.byte());
    const scid = reader.slice(reader.byte());
    const token = packet_type === "initial" ? reader.slice(reader.small()) : undefined;
    return {
      ...common,
      version,
      scil: scid.length,
      dcil: dcid.length,
      scid: hex(scid),
      dcid: hex(dcid),
      ...(token !== undefined && token.length > 0 && { token: { raw: { length: token.length } } }),
      length: reader.small(),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return common;
  }
}
