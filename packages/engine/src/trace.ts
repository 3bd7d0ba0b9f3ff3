/**
 * The records of a TRACE event: packets in the clear and what the state machine makes of them, of all traced connections in
 * the order of time. Little endian, each behind a header of 20 bytes: length, trace, time (f64), kind. Written by
 * `observe/observer.rs` in wasm/crates/quic.
 */

/** One record. Bytes are views of what was read: copy what you keep. */
export type TraceRecord = TraceHead & TraceBody;

/** What all records have. */
export interface TraceHead {
  /** The connection's number, never used again by this engine; 0 for `overflow`. */
  readonly trace: number;
  /** On the host's clock. */
  readonly micros: number;
}

/** What happened. */
export type TraceBody =
  /** First of a connection. `tag` is the configuration's; parameters as on the wire (RFC 9000 section 18). */
  | {
      readonly kind: "started";
      readonly server: boolean;
      readonly tag: number;
      /** Destination connection id of the first Initial packet, or of the one after a Retry. */
      readonly connectionId: Uint8Array;
      readonly parameters: Uint8Array;
    }
  | { readonly kind: "peer-parameters"; readonly parameters: Uint8Array }
  /** A packet without its protection; `payload` is its frames. */
  | {
      readonly kind: "sent" | "received" | "unreadable";
      readonly packetNumber: bigint;
      readonly header: Uint8Array;
      /** Empty for `unreadable`. */
      readonly payload: Uint8Array;
    }
  /** RFC 9002 appendix B; undefined what is not known yet. */
  | {
      readonly kind: "metrics";
      readonly cwndBytes: number;
      readonly bytesInFlight: number;
      readonly ssthreshBytes: number | undefined;
      readonly rttMicros: number | undefined;
      readonly minRttMicros: number | undefined;
      readonly latestRttMicros: number | undefined;
    }
  /** The congestion window is cut. */
  | { readonly kind: "congestion"; readonly why: "loss" | "persistent" | "ecn" }
  /** So many more packets were given up as lost: those longest under way. */
  | { readonly kind: "lost"; readonly packets: number }
  | { readonly kind: "mtu"; readonly bytes: number }
  /** Handles and peer index, as in events. */
  | { readonly kind: "placed"; readonly connection: number; readonly endpoint: number; readonly peer: number }
  | { readonly kind: "connected"; readonly alpn: string }
  /** As the CLOSED event. */
  | { readonly kind: "closed"; readonly by: number; readonly code: bigint; readonly reason: string }
  /** Last of a connection. */
  | { readonly kind: "ended" }
  /** So many records, of whatever connections, were lost for want of room. */
  | { readonly kind: "overflow"; readonly records: number };

const headBytes = 20;
const decoder = new TextDecoder();

/** The records in `bytes`, which an event of kind TRACE points at. Throws RangeError when they are cut short. */
export function* readTrace(bytes: Uint8Array): Generator<TraceRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < headBytes || at + length > bytes.length) throw new RangeError("a trace record is cut short");
    const trace = view.getUint32(at + 4, true);
    const micros = view.getFloat64(at + 8, true);
    const start = at + headBytes;
    const end = at + length;
    const body = bodyOf(view.getUint32(at + 16, true), bytes, view, start, end);
    if (body !== undefined) yield { trace, micros, ...body };
    at = end;
  }
}

/** Undefined for a kind of a newer engine. */
function bodyOf(kind: number, bytes: Uint8Array, view: DataView, at: number, end: number): TraceBody | undefined {
  switch (kind) {
    case 1: {
      const parametersAt = at + 9 + view.getUint8(at + 8);
      return {
        kind: "started",
        server: view.getUint32(at, true) === 1,
        tag: view.getUint32(at + 4, true),
        connectionId: bytes.subarray(at + 9, parametersAt),
        parameters: bytes.subarray(parametersAt, end),
      };
    }
    case 2:
      return { kind: "peer-parameters", parameters: bytes.subarray(at, end) };
    case 3:
    case 4:
    case 5: {
      const payloadAt = at + 12 + view.getUint32(at + 8, true);
      return {
        kind: kind === 3 ? "sent" : kind === 4 ? "received" : "unreadable",
        packetNumber: view.getBigUint64(at, true),
        header: bytes.subarray(at + 12, payloadAt),
        payload: bytes.subarray(payloadAt, end),
      };
    }
    case 6: {
      const known = (index: number) => {
        const number = view.getFloat64(at + 8 * index, true);
        return number < 0 ? undefined : number;
      };
      return {
        kind: "metrics",
        cwndBytes: view.getFloat64(at, true),
        bytesInFlight: view.getFloat64(at + 8, true),
        ssthreshBytes: known(2),
        rttMicros: known(3),
        minRttMicros: known(4),
        latestRttMicros: known(5),
      };
    }
    case 7: {
      const why = view.getUint32(at, true);
      return { kind: "congestion", why: why === 1 ? "persistent" : why === 2 ? "ecn" : "loss" };
    }
    case 8:
      return { kind: "lost", packets: Number(view.getBigUint64(at, true)) };
    case 9:
      return { kind: "mtu", bytes: view.getUint32(at, true) };
    case 10:
      return {
        kind: "placed",
        connection: view.getUint32(at, true),
        endpoint: view.getUint32(at + 4, true),
        peer: view.getUint32(at + 8, true),
      };
    case 11:
      return { kind: "connected", alpn: decoder.decode(bytes.subarray(at, end)) };
    case 12:
      return {
        kind: "closed",
        by: view.getUint32(at, true),
        code: view.getBigUint64(at + 4, true),
        reason: decoder.decode(bytes.subarray(at + 12, end)),
      };
    case 13:
      return { kind: "ended" };
    case 14:
      return { kind: "overflow", records: view.getUint32(at, true) };
    default:
      return undefined;
  }
}
