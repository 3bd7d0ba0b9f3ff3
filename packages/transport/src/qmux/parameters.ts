/** Transport parameters of QMux (draft-ietf-quic-qmux-02 section 5): those of QUIC v1 that make sense, and max_record_size. */
import { joined, VarintReader, varint } from "../varint.ts";
import { QmuxError } from "./error.ts";

/** What an endpoint declares. Sizes in bytes; 0 allows nothing. */
export interface Parameters {
  /** Milliseconds; 0 for none. */
  readonly maxIdleTimeoutMs: number;
  readonly initialMaxData: number;
  /** On streams that the sender of the parameters opens. */
  readonly initialMaxStreamDataBidiLocal: number;
  /** On streams that their receiver opens. */
  readonly initialMaxStreamDataBidiRemote: number;
  readonly initialMaxStreamDataUni: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** A whole DATAGRAM frame; 0: none are taken. */
  readonly maxDatagramFrameBytes: number;
  readonly maxRecordBytes: number;
  /** RESET_STREAM_AT is taken. */
  readonly resetStreamAt: boolean;
}

/** Least and default size of a record (section 5.2). */
export const defaultRecordBytes = 16_382;
/** Largest frame in -00, header included (draft -00 section 5.2). */
export const maxFrameBytes = 16_384;
/** More streams than this cannot be numbered (RFC 9000 section 4.6). */
export const maxStreamCount = 2n ** 60n;

/** What holds for a parameter that is absent. */
export const absentParameters: Parameters = {
  maxIdleTimeoutMs: 0,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  maxDatagramFrameBytes: 0,
  maxRecordBytes: defaultRecordBytes,
  resetStreamAt: false,
};

const maxRecordSizeId = 0x0571c59429cd0845n;
const resetStreamAtId = 0x1dn;

const ids = new Map<bigint, Exclude<keyof Parameters, "resetStreamAt">>([
  [0x01n, "maxIdleTimeoutMs"],
  [0x04n, "initialMaxData"],
  [0x05n, "initialMaxStreamDataBidiLocal"],
  [0x06n, "initialMaxStreamDataBidiRemote"],
  [0x07n, "initialMaxStreamDataUni"],
  [0x08n, "initialMaxStreamsBidi"],
  [0x09n, "initialMaxStreamsUni"],
  [0x20n, "maxDatagramFrameBytes"],
  [maxRecordSizeId, "maxRecordBytes"],
]);

/** Those of QUIC v1 that QMux forbids (section 5.1). */
const forbidden = new Set([0x00n, 0x02n, 0x03n, 0x0an, 0x0bn, 0x0cn, 0x0dn, 0x0en, 0x0fn, 0x10n]);

/** The payload of QX_TRANSPORT_PARAMETERS. What equals its default is left out. */
export function encodeParameters(parameters: Parameters): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [id, name] of ids) {
    if (parameters[name] === absentParameters[name]) continue;
    const value = varint(parameters[name]);
    parts.push(varint(id), varint(value.length), value);
  }
  if (parameters.resetStreamAt) parts.push(varint(resetStreamAtId), varint(0));
  return joined(...parts);
}

/**
 * Reads the payload of QX_TRANSPORT_PARAMETERS; values above 2^53 - 1 read as 2^53 - 1. Unknown ones are ignored. Throws
 * QmuxError TRANSPORT_PARAMETER_ERROR.
 */
export function decodeParameters(bytes: Uint8Array, start = 0, end = bytes.length): Parameters {
  const reader = new VarintReader(bytes, start, end);
  const seen = new Set<bigint>();
  const found: { -readonly [name in keyof Parameters]: Parameters[name] } = { ...absentParameters };
  while (reader.left > 0) {
    const id = reader.exact();
    const length = id === undefined ? undefined : reader.next();
    if (id === undefined || length === undefined || length > reader.left) throw fault("one is cut short");
    const hex = `0x${id.toString(16)}`;
    if (seen.has(id)) throw fault(`${hex} is there twice`);
    seen.add(id);
    if (forbidden.has(id)) throw fault(`${hex} is not allowed in QMux`);
    const value = new VarintReader(bytes, reader.at, reader.at + length);
    reader.at += length;
    if (id === resetStreamAtId) {
      if (length !== 0) throw fault("reset_stream_at has a value");
      found.resetStreamAt = true;
    }
    const name = ids.get(id);
    if (name === undefined) continue;
    const number = value.exact();
    if (number === undefined || value.left > 0) throw fault(`the value of ${hex} is no integer`);
    if ((id === 0x08n || id === 0x09n) && number > maxStreamCount) throw fault(`${hex} allows more than 2^60 streams`);
    if (id === maxRecordSizeId && number < BigInt(defaultRecordBytes)) {
      throw fault(`max_record_size is ${number}; the least is ${defaultRecordBytes}`);
    }
    found[name] = number > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(number);
  }
  return found;
}

function fault(what: string): QmuxError {
  return new QmuxError("TRANSPORT_PARAMETER_ERROR", `Transport parameters are wrong: ${what}.`);
}
