/**
 * SETTINGS of HTTP/3 (RFC 9114 section 7.2.4) and what WebTransport has put there in its drafts: each changed the setting
 * that announces it, so a side that wants to be understood by many sends them all.
 */

import { joined, VarintReader, varint } from "../varint.ts";
import { Http3Error } from "./codes.ts";

export const Setting = {
  QPACK_MAX_TABLE_CAPACITY: 0x1,
  MAX_FIELD_SECTION_SIZE: 0x6,
  QPACK_BLOCKED_STREAMS: 0x7,
  /** RFC 9220 section 3. */
  ENABLE_CONNECT_PROTOCOL: 0x8,
  /** RFC 9297 section 2.1.1. */
  H3_DATAGRAM: 0x33,
  /** The same in draft-ietf-masque-h3-datagram-04, as browsers of the -02 draft want it. */
  H3_DATAGRAM_DRAFT04: 0xffd277,
  /** draft-ietf-webtrans-http3-12 and later, section 5.5. */
  WT_INITIAL_MAX_DATA: 0x2b61,
  WT_INITIAL_MAX_STREAMS_UNI: 0x2b64,
  WT_INITIAL_MAX_STREAMS_BIDI: 0x2b65,
  /** draft -02. */
  ENABLE_WEBTRANSPORT_DRAFT02: 0x2b603742,
  /** Between -02 and -07; sent by web-transport-proto. */
  WEBTRANSPORT_MAX_SESSIONS_DRAFT06: 0x2b603743,
  /** Drafts -07 to -12. */
  WEBTRANSPORT_MAX_SESSIONS_DRAFT07: 0xc671706a,
  /** Drafts -13 and -14. */
  WT_MAX_SESSIONS_DRAFT13: 0x14e9cd29,
  /** Drafts -15 and -16. */
  WT_ENABLED: 0x2c7cf000,
} as const;

/** Settings of HTTP/2 that HTTP/3 forbids (RFC 9114 section 11.2.2). */
const forbidden = new Set([0x0, 0x2, 0x3, 0x4, 0x5]);
/** Settings that are 0 or 1 and nothing else. */
const flags = new Set<number>([
  Setting.ENABLE_CONNECT_PROTOCOL,
  Setting.H3_DATAGRAM,
  Setting.H3_DATAGRAM_DRAFT04,
  Setting.ENABLE_WEBTRANSPORT_DRAFT02,
  Setting.WT_ENABLED,
]);
/** More settings than anybody sends. */
const maxSettings = 64;
/** Largest payload of a SETTINGS frame that is taken, in bytes. */
export const maxSettingsBytes = 2048;

/** Settings by id; exact, since ids and values have 62 bits. */
export type Settings = ReadonlyMap<bigint, bigint>;

/** What this side tells the other. */
export function ourSettings(maxFieldSectionBytes: number, maxSessions: number): Uint8Array {
  return encodeSettings([
    [Setting.QPACK_MAX_TABLE_CAPACITY, 0],
    [Setting.MAX_FIELD_SECTION_SIZE, maxFieldSectionBytes],
    [Setting.QPACK_BLOCKED_STREAMS, 0],
    [Setting.ENABLE_CONNECT_PROTOCOL, 1],
    [Setting.H3_DATAGRAM, 1],
    [Setting.H3_DATAGRAM_DRAFT04, 1],
    [Setting.ENABLE_WEBTRANSPORT_DRAFT02, 1],
    [Setting.WEBTRANSPORT_MAX_SESSIONS_DRAFT06, maxSessions],
    [Setting.WEBTRANSPORT_MAX_SESSIONS_DRAFT07, maxSessions],
    [Setting.WT_MAX_SESSIONS_DRAFT13, maxSessions],
    [Setting.WT_ENABLED, 1],
  ]);
}

/** The payload of a SETTINGS frame. */
export function encodeSettings(settings: Iterable<readonly [id: number | bigint, value: number | bigint]>): Uint8Array {
  return joined(...[...settings].flat().map(varint));
}

/** Reads the payload of a SETTINGS frame. Throws `H3_SETTINGS_ERROR`, or `H3_FRAME_ERROR` for one that is cut short. */
export function decodeSettings(payload: Uint8Array): Settings {
  const reader = new VarintReader(payload);
  const settings = new Map<bigint, bigint>();
  while (reader.left > 0) {
    const id = reader.exact();
    const value = id === undefined ? undefined : reader.exact();
    if (id === undefined || value === undefined)
      throw new Http3Error("H3_FRAME_ERROR", "A SETTINGS frame is cut short.");
    const name = `0x${id.toString(16)}`;
    if (settings.has(id)) throw wrong(`setting ${name} occurs twice`);
    if (id <= 0x5n && forbidden.has(Number(id))) throw wrong(`setting ${name} is one of HTTP/2`);
    if (id < 2n ** 53n && flags.has(Number(id)) && value > 1n) throw wrong(`setting ${name} is ${value}, not 0 or 1`);
    if (settings.size === maxSettings) {
      throw new Http3Error("H3_EXCESSIVE_LOAD", `A SETTINGS frame has more than ${maxSettings} settings.`);
    }
    settings.set(id, value);
  }
  return settings;
}

function wrong(detail: string): Http3Error {
  return new Http3Error("H3_SETTINGS_ERROR", `A SETTINGS frame is wrong: ${detail}.`);
}

/** What the peer's settings amount to. */
export interface PeerAbilities {
  /** It takes extended CONNECT (a server), RFC 9220. */
  readonly extendedConnect: boolean;
  /** It takes HTTP datagrams, of the RFC or of the draft before. */
  readonly datagrams: boolean;
  /** It speaks WebTransport in some draft. */
  readonly webTransport: boolean;
  /** Of WebTransport it knows draft -15 or later only, whose upgrade token is `webtransport-h3`. */
  readonly onlyNewToken: boolean;
  /** Sessions at a time on one connection that it has announced; undefined where its draft has no such number. */
  readonly maxSessions: number | undefined;
  /** Header blocks above so many bytes (RFC 9114 section 4.2.2) it does not take. */
  readonly maxFieldSectionBytes: number;
}

export function abilitiesOf(settings: Settings): PeerAbilities {
  const number = (id: number): number | undefined => {
    const value = settings.get(BigInt(id));
    return value === undefined ? undefined : Number(value);
  };
  const isSet = (id: number): boolean => (number(id) ?? 0) > 0;
  const sessions = [
    number(Setting.WT_MAX_SESSIONS_DRAFT13),
    number(Setting.WEBTRANSPORT_MAX_SESSIONS_DRAFT07),
    number(Setting.WEBTRANSPORT_MAX_SESSIONS_DRAFT06),
  ].find((count) => count !== undefined);
  const old = isSet(Setting.ENABLE_WEBTRANSPORT_DRAFT02) || (sessions ?? 0) > 0;
  const current = isSet(Setting.WT_ENABLED);
  return {
    extendedConnect: isSet(Setting.ENABLE_CONNECT_PROTOCOL),
    datagrams: isSet(Setting.H3_DATAGRAM) || isSet(Setting.H3_DATAGRAM_DRAFT04),
    webTransport: old || current,
    onlyNewToken: current && !old,
    maxSessions: sessions,
    maxFieldSectionBytes: number(Setting.MAX_FIELD_SECTION_SIZE) ?? Number.POSITIVE_INFINITY,
  };
}
