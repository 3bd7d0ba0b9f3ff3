/** SETUP: what the two sides tell each other first (moq-transport-14, section "CLIENT_SETUP and SERVER_SETUP"). */

import type { SetupParameters } from "@moqingbird/codec";
import { closeCode } from "./codes.ts";
import type { PeerProfile } from "./profile.ts";

/** What the peer told about itself. */
export interface PeerInfo {
  /** Path and query of the URI a client connected to, where it told; undefined on the client's side. */
  readonly path: string | undefined;
  /** Host and port of that URI. */
  readonly authority: string | undefined;
  /** Name and version of its software, for people. */
  readonly implementation: string | undefined;
  /** Its first MAX_REQUEST_ID. */
  readonly maxRequestId: number;
  /** What it is taken for. */
  readonly profile: PeerProfile;
}

/** Why a server refuses a client. */
export interface SetupRefusal {
  /** Session termination code: 0x2 unauthorized, 0x8 invalid path, 0x19 invalid authority, ... */
  readonly code: number;
  readonly reason: string;
}

/**
 * What is wrong with a client's SETUP over WebTransport: the request has path and authority already (moq-transport-14, sections
 * "PATH" and "AUTHORITY").
 */
export function misplaced(parameters: SetupParameters): SetupRefusal | undefined {
  if (parameters.path !== undefined) {
    return { code: closeCode.invalidPath, reason: "SETUP has a PATH, which WebTransport's request has already." };
  }
  if (parameters.authority !== undefined) {
    const reason = "SETUP has an AUTHORITY, which WebTransport's request has already.";
    return { code: closeCode.invalidAuthority, reason };
  }
  return undefined;
}

/** What a peer's SETUP says; `requestPath` is what WebTransport's request said before it. */
export function peerInfo(parameters: SetupParameters, profile: PeerProfile, requestPath?: string): PeerInfo {
  return {
    path: requestPath ?? parameters.path,
    authority: parameters.authority,
    implementation: parameters.implementation,
    maxRequestId: parameters.maxRequestId ?? 0,
    profile,
  };
}
