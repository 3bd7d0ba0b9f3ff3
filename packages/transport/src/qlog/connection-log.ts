/**
 * One connection's qlog: the engine's records as events of draft-ietf-quic-qlog-quic-events-04 in a file of
 * draft-ietf-quic-qlog-main-schema-05 (qlog 0.3, JSON text sequences), which qvis reads.
 */
import { ClosedBy, type TraceRecord } from "@moqingbird/engine";
import type { SocketAddress } from "../address.ts";
import { hex } from "./fields.ts";
import { type QlogFrame, readFrames, transportErrorName } from "./frames.ts";
import { OutstandingPackets } from "./outstanding.ts";
import { packetType, readHeader } from "./packet-header.ts";
import { readParameters } from "./parameters.ts";
import type { QlogSink } from "./target.ts";

/** What is known when a log begins. */
export interface LogStart {
  readonly side: "client" | "server";
  /** Original destination connection id, in hex: the same at both ends. */
  readonly connectionId: string;
  readonly micros: number;
  /** The wall clock at that moment, ms since 1970. */
  readonly wallMillis: number;
}

/** Characters that are collected before the sink gets them. */
const chunkCharacters = 64 * 1024;
/** AEAD tag of every suite of TLS 1.3 that QUIC uses (RFC 9001 section 5.3). */
const tagBytes = 16;
const recordSeparator = "\x1e";

type Metrics = Extract<TraceRecord, { kind: "metrics" }>;
type Packet = Extract<TraceRecord, { kind: "sent" | "received" | "unreadable" }>;

/** Writes one connection's events. */
export class ConnectionLog {
  readonly #sink: QlogSink;
  readonly #startMicros: number;
  readonly #outstanding = new OutstandingPackets();
  readonly #told = new Map<string, number>();
  readonly #ackDelayExponents = { local: 3, remote: 3 };
  #text = "";
  #lostEvents = 0;
  #congested = false;
  #mtu: number | undefined;

  constructor(sink: QlogSink, start: LogStart) {
    this.#sink = sink;
    this.#startMicros = start.micros;
    this.#write({
      qlog_format: "JSON-SEQ",
      qlog_version: "0.3",
      title: `moqingbird ${start.side}`,
      trace: {
        vantage_point: { name: "moqingbird", type: start.side },
        common_fields: {
          ODCID: start.connectionId,
          group_id: start.connectionId,
          protocol_type: ["QUIC"],
          time_format: "relative",
          reference_time: start.wallMillis,
        },
      },
    });
    this.#event(start.micros, "connectivity:connection_state_updated", { new: "attempted" });
  }

  /** A record of this connection, but for the first, the place and the last. */
  record(record: TraceRecord): void {
    const { micros } = record;
    switch (record.kind) {
      case "sent":
      case "received":
        this.#packet(record);
        return;
      case "unreadable":
        this.#event(micros, "transport:packet_dropped", {
          header: readHeader(record.header, record.packetNumber),
          trigger: "decryption_failure",
        });
        return;
      case "peer-parameters":
        this.parameters(micros, "remote", record.parameters);
        return;
      case "metrics":
        this.#metrics(record);
        return;
      case "congestion":
        this.#congestion(micros, record.why);
        return;
      case "lost":
        for (const { type, packetNumber, bytes } of this.#outstanding.lost(record.packets)) {
          const header = { packet_type: type, packet_number: packetNumber, length: bytes };
          this.#event(micros, "recovery:packet_lost", { header });
        }
        return;
      case "mtu":
        this.#event(micros, "connectivity:mtu_updated", {
          ...(this.#mtu !== undefined && { old: this.#mtu }),
          new: record.bytes,
        });
        this.#mtu = record.bytes;
        return;
      case "connected":
        this.#event(micros, "transport:alpn_information", { chosen_alpn: record.alpn });
        this.#event(micros, "connectivity:connection_state_updated", { new: "handshake_complete" });
        return;
      case "closed":
        this.#closed(record);
        return;
    }
  }

  parameters(micros: number, owner: "local" | "remote", bytes: Uint8Array): void {
    const { qlog, ackDelayExponent } = readParameters(bytes);
    this.#ackDelayExponents[owner] = ackDelayExponent;
    this.#event(micros, "transport:parameters_set", { owner, ...qlog });
  }

  /** The addresses, as soon as they are known. */
  placed(micros: number, local: SocketAddress, remote: SocketAddress): void {
    this.#event(micros, "connectivity:connection_started", {
      ip_version: remote.address.includes(":") ? "v6" : "v4",
      src_ip: local.address,
      dst_ip: remote.address,
      protocol: "QUIC",
      src_port: local.port,
      dst_port: remote.port,
    });
  }

  /** Records or text were lost on the way: says so in the log. */
  overflow(micros: number, events: number): void {
    this.#event(micros, "generic:warning", { message: `${events} events were lost: the log could not keep up.` });
  }

  /** Gives the sink what was collected. */
  flush(): void {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    if (this.#sink.write(text) === false) this.#lostEvents += text.split(recordSeparator).length - 1;
  }

  end(micros: number): void {
    this.#event(micros, "connectivity:connection_state_updated", { new: "closed" });
    this.flush();
    this.#sink.end();
  }

  #packet({ kind, micros, header: bytes, payload, packetNumber }: Packet): void {
    const sent = kind === "sent";
    const header = readHeader(bytes, packetNumber);
    const exponent = this.#ackDelayExponents[sent ? "local" : "remote"];
    const { frames, acked } = readFrames(payload, exponent);
    const length = bytes.length + payload.length + tagBytes;
    const type = packetType(bytes);
    if (sent) this.#outstanding.sent({ type, packetNumber: Number(packetNumber), bytes: length });
    else if (acked.length > 0) this.#outstanding.acked(type, acked);
    this.#event(micros, sent ? "transport:packet_sent" : "transport:packet_received", {
      header,
      raw: { length, payload_length: payload.length },
      frames,
      ...(sent && isMtuProbe(frames, length, this.#mtu) && { is_mtu_probe_packet: true }),
    });
  }

  /** Only what has changed: a graph holds a value until the next one. */
  #metrics(record: Metrics): void {
    const milliseconds = (micros: number | undefined) => micros !== undefined && micros / 1000;
    const metrics: Readonly<Record<string, number | false | undefined>> = {
      min_rtt: milliseconds(record.minRttMicros),
      smoothed_rtt: milliseconds(record.rttMicros),
      latest_rtt: milliseconds(record.latestRttMicros),
      congestion_window: record.cwndBytes,
      bytes_in_flight: record.bytesInFlight,
      ssthresh: record.ssthreshBytes,
    };
    const changed: Record<string, number> = {};
    for (const [name, value] of Object.entries(metrics)) {
      if (typeof value !== "number" || this.#told.get(name) === value) continue;
      this.#told.set(name, value);
      changed[name] = value;
    }
    if (Object.keys(changed).length > 0) this.#event(record.micros, "recovery:metrics_updated", changed);
  }

  #congestion(micros: number, why: "loss" | "persistent" | "ecn"): void {
    const trigger = why === "persistent" ? "persistent_congestion" : why === "ecn" ? "ECN" : undefined;
    this.#event(micros, "recovery:congestion_state_updated", {
      ...(this.#congested && { old: "recovery" }),
      new: "recovery",
      ...(trigger !== undefined && { trigger }),
    });
    this.#congested = true;
  }

  #closed({ micros, by, code, reason }: Extract<TraceRecord, { kind: "closed" }>): void {
    const application = by === ClosedBy.PEER_APPLICATION || by === ClosedBy.LOCAL;
    const transport = by === ClosedBy.PEER_TRANSPORT || by === ClosedBy.TRANSPORT;
    const name = transportErrorName(code);
    const small = code <= 0xffff_ffffn;
    this.#event(micros, "connectivity:connection_closed", {
      owner: by === ClosedBy.PEER_APPLICATION || by === ClosedBy.PEER_TRANSPORT ? "remote" : "local",
      ...(application && small && { application_code: Number(code) }),
      ...(transport && (name !== undefined || small) && { connection_code: name ?? Number(code) }),
      ...(reason !== "" && { reason }),
      trigger: closeTrigger(by, code),
    });
  }

  #event(micros: number, name: string, data: Readonly<Record<string, unknown>>): void {
    if (this.#lostEvents > 0) {
      const message = `${this.#lostEvents} events were lost: the log could not keep up.`;
      this.#lostEvents = 0;
      this.#event(micros, "generic:warning", { message });
    }
    this.#write({ time: (micros - this.#startMicros) / 1000, name, data });
    if (this.#text.length >= chunkCharacters) this.flush();
  }

  /** RFC 7464. */
  #write(value: unknown): void {
    this.#text += `${recordSeparator}${JSON.stringify(value)}\n`;
  }
}

/** A probe of path MTU discovery: larger than packets may be, and with nothing in it that matters. */
function isMtuProbe(frames: readonly QlogFrame[], bytes: number, mtu: number | undefined): boolean {
  const idle = (frame: QlogFrame) =>
    frame.frame_type === "padding" || frame.frame_type === "ping" || isImmediateAck(frame);
  return bytes > (mtu ?? 1200) && frames.some(({ frame_type }) => frame_type === "ping") && frames.every(idle);
}

const isImmediateAck = (frame: QlogFrame): boolean => frame.frame_type === "unknown" && frame.frame_type_value === 0x1f;

function closeTrigger(by: number, code: bigint): string {
  switch (by) {
    case ClosedBy.IDLE:
      return code === 1n ? "handshake_timeout" : "idle_timeout";
    case ClosedBy.RESET:
      return "stateless_reset";
    case ClosedBy.VERSION:
      return "version_mismatch";
    case ClosedBy.PEER_TRANSPORT:
    case ClosedBy.TRANSPORT:
      return code === 0n ? "clean" : "error";
    default:
      return "application";
  }
}

/** File name of a connection's log: what both ends have in common, then which end it is (qvis pairs them so). */
export function logFileName(connectionId: string, side: "client" | "server"): string {
  return `${connectionId}_${side}.sqlog`;
}

/** The original destination connection id of a record that begins a connection. */
export function originalConnectionId(record: Extract<TraceRecord, { kind: "started" }>): string {
  // After a Retry the first packet a server keeps has another id; the original one is in its parameters.
  const named = record.server ? readParameters(record.parameters).originalDestinationConnectionId : undefined;
  return hex(named ?? record.connectionId);
}
