/**
 * Which protocol versions we speak, and how two sides find a common one. This table is the only place where versions are
 * compared: everything else asks the negotiated `Wire`.
 */

import { type ClientSetup, draft14, type ServerSetup, type Wire } from "@moqingbird/codec";
import { closeCode } from "./codes.ts";
import { SessionError } from "./errors.ts";

/** One version we speak. */
export interface Version {
  /** For example `moq-transport-14`. */
  readonly name: string;
  /** Protocol agreed on below MoQ (ALPN) under which it is spoken. */
  readonly protocol: string;
  /** Over WebTransport it is spoken where no protocol was agreed on; SETUP then tells which version. */
  readonly unnamed: boolean;
  /** Its number in SETUP. */
  readonly setupVersion: number;
  readonly wire: Wire;
}

/** The versions, most wanted first. */
export const versions: readonly Version[] = [
  { name: "moq-transport-14", protocol: "moq-00", unnamed: true, setupVersion: 0xff00000e, wire: draft14 },
];

/** Protocols (ALPN) to offer or to accept on raw QUIC for these versions, most wanted first. */
export function protocolsOf(offered: readonly Version[] = versions): string[] {
  return [...new Set(offered.map((version) => version.protocol))];
}

/**
 * The versions of a list that can be spoken on a connection; "" is the protocol of a WebTransport session without one.
 * @throws SessionError `protocol-unknown`.
 */
export function versionsFor(protocol: string, offered: readonly Version[] = versions): readonly Version[] {
  const possible = offered.filter((version) => (protocol === "" ? version.unnamed : version.protocol === protocol));
  if (possible.length === 0) {
    throw new SessionError("protocol-unknown", { protocol, ours: protocolsOf(offered).join(", ") });
  }
  return possible;
}

/** The version a server answers with: its own most wanted of those the client offers. Undefined: none in common. */
export function chooseVersion(ours: readonly Version[], setup: ClientSetup): Version | undefined {
  return ours.find((version) => setup.versions.includes(version.setupVersion));
}

/** The version a server chose; undefined when we did not offer it. */
export function chosenVersion(ours: readonly Version[], setup: ServerSetup): Version | undefined {
  return ours.find((version) => version.setupVersion === setup.version);
}

/** A version number as people know it. */
export function versionName(setupVersion: number): string {
  const hex = `0x${setupVersion.toString(16)}`;
  if (setupVersion > 0xff000000 && setupVersion <= 0xff0000ff)
    return `moq-transport-${pad(setupVersion & 0xff)} (${hex})`;
  if (setupVersion > 0xff0dad00 && setupVersion <= 0xff0dadff) return `moq-lite-${pad(setupVersion & 0xff)} (${hex})`;
  return setupVersion === 1 ? "moq-transport RFC (0x1)" : hex;
}

/** The error of two sides with nothing in common. `theirs` is absent where the wire does not show it. */
export function noCommonVersion(
  ours: readonly Version[],
  theirs?: { readonly numbers?: readonly number[] | undefined; readonly said?: string | undefined },
): SessionError {
  const ourNames = ours.map((version) => versionName(version.setupVersion));
  const theirNames = theirs?.numbers?.map(versionName);
  const clause = theirNames
    ? `the peer speaks ${theirNames.join(", ") || "none"}`
    : theirs?.said
      ? `the peer answered: ${theirs.said}`
      : "the peer did not say which it speaks";
  return new SessionError(
    "no-common-version",
    { ours: ourNames.join(", "), theirs: clause },
    theirNames ? { ours: ourNames, theirs: theirNames } : { ours: ourNames },
  );
}

/** True for the code a peer closes with when it finds no common version. */
export function saysNoCommonVersion(code: bigint): boolean {
  return code === BigInt(closeCode.versionNegotiationFailed);
}

/** Most version numbers read from a foreign SETUP. */
const maxForeignVersions = 32;

/**
 * Versions named by the first bytes of a control stream that none of our wires reads: CLIENT_SETUP (0x40) and SERVER_SETUP
 * (0x41) of drafts up to 10, whose length is a varint. Undefined when it is neither. Reads what is there; may be cut.
 */
export function foreignVersions(bytes: Uint8Array): number[] | undefined {
  let position = 0;
  const varint = (): number | undefined => {
    const first = bytes[position];
    if (first === undefined) return undefined;
    const length = 1 << (first >> 6);
    if (position + length > bytes.length) return undefined;
    let value = first & 0x3f;
    for (let i = 1; i < length; i++) value = value * 256 + (bytes[position + i] ?? 0);
    position += length;
    return value;
  };
  const type = varint();
  if (type !== 0x40 && type !== 0x41) return undefined;
  if (varint() === undefined) return [];
  const count = type === 0x40 ? Math.min(varint() ?? 0, maxForeignVersions) : 1;
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const version = varint();
    if (version === undefined) break;
    found.push(version);
  }
  return found;
}

function pad(draft: number): string {
  return String(draft).padStart(2, "0");
}
