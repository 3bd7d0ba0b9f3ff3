/**
 * Checks qlog 0.3 files in JSON text sequences against the definitions of draft-ietf-quic-qlog-main-schema-05 and
 * draft-ietf-quic-qlog-quic-events-04: which events and frames there are, which fields they must and may have, and what
 * stands in them. Written after the drafts' CDDL, which is closed: a field that a definition does not name is an error.
 */

/** Says what is wrong with a value, or nothing. */
type Check = (value: unknown) => string | undefined;

/** Fields by name; a name that ends in "?" may be missing. */
type Fields = Readonly<Record<string, Check>>;

/** One JSON text of a sequence. */
export type QlogJson = Readonly<Record<string, unknown>>;

/** A file, taken apart and found valid. */
export interface QlogFile {
  readonly header: QlogJson;
  readonly events: readonly { readonly time: number; readonly name: string; readonly data: QlogJson }[];
}

const says =
  (holds: (value: never) => boolean, wanted: string): Check =>
  (value) =>
    holds(value as never) ? undefined : `${JSON.stringify(value)} is not ${wanted}`;

const integerUpTo = (highest: number, wanted: string) =>
  says((value: number) => Number.isInteger(value) && value >= 0 && value <= highest, wanted);
const uint8 = integerUpTo(0xff, "a uint8");
const uint16 = integerUpTo(0xffff, "a uint16");
const uint32 = integerUpTo(0xffff_ffff, "a uint32");
/** main-schema, "I-JSON": above 2^53 - 1 as text. */
const uint64: Check = (value) =>
  typeof value === "string" && /^\d+$/.test(value)
    ? undefined
    : integerUpTo(Number.MAX_SAFE_INTEGER, "a uint64")(value);
const float = says((value: number) => Number.isFinite(value), "a number");
const text = says((value: unknown) => typeof value === "string", "text");
const bool = says((value: unknown) => typeof value === "boolean", "true or false");
const hexstring = says((value: string) => /^([0-9a-f]{2})*$/.test(value), "an even number of lowercase hex digits");
const any: Check = () => undefined;
const oneOf = (...values: readonly string[]) => says((value: string) => values.includes(value), values.join(" or "));
const either =
  (...checks: readonly Check[]): Check =>
  (value) => {
    const faults = checks.map((check) => check(value));
    return faults.includes(undefined) ? undefined : faults.join(", and ");
  };
const listOf =
  (check: Check, atLeast = 0, atMost = Number.POSITIVE_INFINITY): Check =>
  (value) => {
    if (!Array.isArray(value)) return `${JSON.stringify(value)} is no list`;
    if (value.length < atLeast || value.length > atMost) return `a list of ${value.length} entries`;
    return value.map(check).find((fault) => fault !== undefined);
  };
const map =
  (fields: Fields, open = false): Check =>
  (value) =>
    faultOf(fields, value, open);

function faultOf(fields: Fields, value: unknown, open: boolean): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `${JSON.stringify(value)} is no map`;
  const known = new Set<string>();
  for (const [key, check] of Object.entries(fields)) {
    const name = key.replace(/\?$/, "");
    known.add(name);
    if (!(name in value)) {
      if (name === key) return `${name} is missing`;
      continue;
    }
    const fault = check((value as QlogJson)[name]);
    if (fault !== undefined) return `${name}: ${fault}`;
  }
  const strange = open ? undefined : Object.keys(value).find((name) => !known.has(name));
  return strange === undefined ? undefined : `there is no field ${strange}`;
}

// main-schema

/** "Raw packet and frame information". */
const rawInfo = map({ "length?": uint64, "payload_length?": uint64, "data?": hexstring });
const vantagePointType = oneOf("client", "server", "network", "unknown");
/** "common_fields". */
const commonFields = map(
  {
    "time_format?": oneOf("absolute", "delta", "relative"),
    "reference_time?": float,
    "protocol_type?": listOf(text, 1),
    "group_id?": text,
  },
  true,
);
/** "qlog to JSON Text Sequences mapping". */
const fileHeader = map({
  qlog_format: oneOf("JSON-SEQ"),
  qlog_version: oneOf("0.3"),
  "title?": text,
  "description?": text,
  "summary?": map({}, true),
  trace: map({
    "title?": text,
    "description?": text,
    "configuration?": map({}, true),
    "common_fields?": commonFields,
    "vantage_point?": map({ "name?": text, type: vantagePointType, "flow?": vantagePointType }),
  }),
});
/** "Generic events". */
const generic = map({ "code?": uint64, "message?": text });

// quic-events: data fields

const connectionId = hexstring;
const owner = oneOf("local", "remote");
const packetNumberTypes = ["initial", "handshake", "0RTT", "1RTT"] as const;
/** "Token". */
const token = map({ "type?": oneOf("retry", "resumption"), "details?": map({}, true), "raw?": rawInfo });
/** "PacketHeader". */
const packetHeader = map({
  packet_type: oneOf(...packetNumberTypes, "retry", "version_negotiation", "stateless_reset", "unknown"),
  "packet_number?": uint64,
  "flags?": uint8,
  "token?": token,
  "length?": uint16,
  "version?": hexstring,
  "scil?": uint8,
  "dcil?": uint8,
  "scid?": connectionId,
  "dcid?": connectionId,
});
/** "TransportError" and "CryptoError". */
const transportError = either(
  oneOf(
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
  ),
  says((value: string) => /^crypto_error_0x1[0-9a-f]{2}$/.test(value), "a crypto error"),
);
const streamType = oneOf("unidirectional", "bidirectional");
/** Our codes have 62 bits; the draft's uint32 is wider in every later one. */
const applicationError = uint64;

/** "QUIC Frames", one definition each; "datagram" as in the drafts after -04. */
const frames: Readonly<Record<string, Check>> = Object.fromEntries(
  Object.entries({
    padding: { "length?": uint32, payload_length: uint32 },
    ping: { "length?": uint32, "payload_length?": uint32 },
    ack: {
      "ack_delay?": float,
      "acked_ranges?": listOf(listOf(uint64, 1, 2), 1),
      "ect1?": uint64,
      "ect0?": uint64,
      "ce?": uint64,
    },
    reset_stream: { stream_id: uint64, error_code: applicationError, final_size: uint64 },
    stop_sending: { stream_id: uint64, error_code: applicationError },
    crypto: { offset: uint64, length: uint64, "payload_length?": uint32 },
    new_token: { token },
    stream: { stream_id: uint64, offset: uint64, length: uint64, "fin?": bool, "raw?": rawInfo },
    max_data: { maximum: uint64 },
    max_stream_data: { stream_id: uint64, maximum: uint64 },
    max_streams: { stream_type: streamType, maximum: uint64 },
    data_blocked: { limit: uint64 },
    stream_data_blocked: { stream_id: uint64, limit: uint64 },
    streams_blocked: { stream_type: streamType, limit: uint64 },
    new_connection_id: {
      sequence_number: uint32,
      retire_prior_to: uint32,
      "connection_id_length?": uint8,
      connection_id: connectionId,
      "stateless_reset_token?": hexstring,
    },
    retire_connection_id: { sequence_number: uint32 },
    path_challenge: { "data?": hexstring },
    path_response: { "data?": hexstring },
    connection_close: {
      "error_space?": oneOf("transport", "application"),
      "error_code?": either(transportError, uint32),
      "error_code_value?": uint64,
      "reason?": text,
      "trigger_frame_type?": either(uint64, text),
    },
    handshake_done: {},
    unknown: { frame_type_value: uint64, "raw?": rawInfo },
    datagram: { "length?": uint64, "raw?": rawInfo },
  } satisfies Record<string, Fields>).map(([type, fields]) => [type, map({ frame_type: oneOf(type), ...fields })]),
);
const frame: Check = (value) => {
  const type = (value as { frame_type?: unknown } | null)?.frame_type;
  const check = typeof type === "string" ? frames[type] : undefined;
  const fault = check === undefined ? "there is no such frame" : check(value);
  return fault === undefined ? undefined : `frame ${String(type)}: ${fault}`;
};
const packet = {
  header: packetHeader,
  "frames?": listOf(frame),
  "is_coalesced?": bool,
  "retry_token?": token,
  "stateless_reset_token?": hexstring,
  "supported_versions?": listOf(hexstring, 1),
  "raw?": rawInfo,
  "datagram_id?": uint32,
};
const connectionState = oneOf(
  "attempted",
  "peer_validated",
  "handshake_started",
  "early_write",
  "handshake_complete",
  "handshake_confirmed",
  "closing",
  "draining",
  "closed",
);

/** The events, each under the title of its section. */
const events: Readonly<Record<string, Check>> = Object.fromEntries(
  Object.entries({
    "connectivity:connection_started": {
      "ip_version?": oneOf("v4", "v6"),
      src_ip: text,
      dst_ip: text,
      "protocol?": text,
      "src_port?": uint16,
      "dst_port?": uint16,
      "src_cid?": connectionId,
      "dst_cid?": connectionId,
    },
    "connectivity:connection_closed": {
      "owner?": owner,
      "connection_code?": either(transportError, uint32),
      "application_code?": uint32,
      "internal_code?": uint32,
      "reason?": text,
      "trigger?": oneOf(
        "clean",
        "handshake_timeout",
        "idle_timeout",
        "error",
        "stateless_reset",
        "version_mismatch",
        "application",
      ),
    },
    "connectivity:connection_state_updated": { "old?": connectionState, new: connectionState },
    "connectivity:mtu_updated": { "old?": uint16, new: uint16, "done?": bool },
    "transport:alpn_information": {
      "server_alpns?": listOf(text),
      "client_alpns?": listOf(text),
      "chosen_alpn?": text,
    },
    "transport:parameters_set": {
      "owner?": owner,
      "original_destination_connection_id?": connectionId,
      "initial_source_connection_id?": connectionId,
      "retry_source_connection_id?": connectionId,
      "disable_active_migration?": bool,
      "max_idle_timeout?": uint64,
      "max_udp_payload_size?": uint32,
      "ack_delay_exponent?": uint16,
      "max_ack_delay?": uint16,
      "active_connection_id_limit?": uint32,
      "initial_max_data?": uint64,
      "initial_max_stream_data_bidi_local?": uint64,
      "initial_max_stream_data_bidi_remote?": uint64,
      "initial_max_stream_data_uni?": uint64,
      "initial_max_streams_bidi?": uint64,
      "initial_max_streams_uni?": uint64,
    },
    "transport:packet_sent": { ...packet, "is_mtu_probe_packet?": bool, "trigger?": text },
    "transport:packet_received": { ...packet, "trigger?": oneOf("keys_available") },
    "transport:packet_dropped": {
      "header?": packetHeader,
      "raw?": rawInfo,
      "datagram_id?": uint32,
      "details?": map({}, true),
      "trigger?": oneOf(
        "internal_error",
        "rejected",
        "unsupported",
        "invalid",
        "connection_unknown",
        "decryption_failure",
        "general",
      ),
    },
    "recovery:metrics_updated": {
      "min_rtt?": float,
      "smoothed_rtt?": float,
      "latest_rtt?": float,
      "rtt_variance?": float,
      "pto_count?": uint16,
      "congestion_window?": uint64,
      "bytes_in_flight?": uint64,
      "ssthresh?": uint64,
      "packets_in_flight?": uint64,
      "pacing_rate?": uint64,
    },
    "recovery:congestion_state_updated": {
      "old?": text,
      new: text,
      "trigger?": oneOf("persistent_congestion", "ECN"),
    },
    "recovery:packet_lost": {
      "header?": packetHeader,
      "frames?": listOf(frame),
      "is_mtu_probe_packet?": bool,
      "trigger?": oneOf("reordering_threshold", "time_threshold", "pto_expired"),
    },
  } satisfies Record<string, Fields>).map(([name, fields]) => [name, map(fields)]),
);
const event = map({ time: float, name: text, data: any, "time_format?": text, "group_id?": text }, true);

/** Takes a file apart (RFC 7464) and checks all of it. Throws an Error that names the place and the fault. */
export function readQlog(sequence: string): QlogFile {
  const [before, ...texts] = sequence.split("\x1e");
  if (before !== "") throw new Error("the file does not begin with a record separator");
  const [header, ...rest] = texts.map((line, index) => {
    if (!line.endsWith("\n")) throw new Error(`text ${index} does not end in a line feed`);
    return JSON.parse(line) as QlogJson;
  });
  const fault = fileHeader(header);
  if (header === undefined || fault !== undefined) throw new Error(`header: ${fault}`);
  let time = Number.NEGATIVE_INFINITY;
  for (const [index, found] of rest.entries()) {
    const { name, data } = found as { name: string; data: QlogJson };
    const check = name?.startsWith("generic:") ? generic : events[name];
    const wrong = event(found) ?? (check === undefined ? "there is no such event" : check(data));
    if (wrong !== undefined) throw new Error(`event ${index}, ${name}: ${wrong}`);
    if ((found.time as number) < time) throw new Error(`event ${index}, ${name}: goes back in time`);
    time = found.time as number;
  }
  return { header, events: rest as unknown as QlogFile["events"] };
}
