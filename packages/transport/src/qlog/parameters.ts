/** Transport parameters as qlog has them: RFC 9000 section 18.2; draft-ietf-quic-qlog-quic-events-04, section "parameters_set". */
import { FieldReader, hex } from "./fields.ts";

/** What we need of them ourselves, and their qlog form. */
export interface ReadParameters {
  readonly qlog: Readonly<Record<string, unknown>>;
  /** Acknowledgement delays are in units of 2 to this power, µs. */
  readonly ackDelayExponent: number;
  readonly originalDestinationConnectionId: Uint8Array | undefined;
}

/** Parameters that are one integer. */
const integers: Readonly<Record<number, string>> = {
  1: "max_idle_timeout",
  3: "max_udp_payload_size",
  4: "initial_max_data",
  5: "initial_max_stream_data_bidi_local",
  6: "initial_max_stream_data_bidi_remote",
  7: "initial_max_stream_data_uni",
  8: "initial_max_streams_bidi",
  9: "initial_max_streams_uni",
  10: "ack_delay_exponent",
  11: "max_ack_delay",
  14: "active_connection_id_limit",
};
/** Parameters that are a connection id. */
const connectionIds: Readonly<Record<number, string>> = {
  0: "original_destination_connection_id",
  15: "initial_source_connection_id",
  16: "retry_source_connection_id",
};
const disableActiveMigration = 12;
const defaultAckDelayExponent = 3;

/** Reads them as they are in the handshake. Those that qlog has no name for, and secrets, are left out. */
export function readParameters(bytes: Uint8Array): ReadParameters {
  const reader = new FieldReader(bytes);
  const qlog: Record<string, unknown> = {};
  let ackDelayExponent = defaultAckDelayExponent;
  let originalDestinationConnectionId: Uint8Array | undefined;
  try {
    while (reader.left > 0) {
      const id = reader.small();
      const value = new FieldReader(reader.slice(reader.small()));
      const integer = integers[id];
      const connectionId = connectionIds[id];
      if (integer !== undefined) {
        qlog[integer] = value.integer();
        if (integer === "ack_delay_exponent") ackDelayExponent = Number(qlog[integer]);
      } else if (connectionId !== undefined) {
        qlog[connectionId] = hex(value.bytes);
        if (id === 0) originalDestinationConnectionId = value.bytes;
      } else if (id === disableActiveMigration) qlog.disable_active_migration = true;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return { qlog, ackDelayExponent, originalDestinationConnectionId };
}
