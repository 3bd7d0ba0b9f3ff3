/**
 * Peer profiles: what a deployed implementation cannot bear, as named switches. A session asks for the switch, never for
 * the implementation's name.
 */

import type { SetupParameters } from "@moqingbird/codec";

export interface PeerProfile {
  readonly name: string;
  /** GOAWAY may be sent. */
  readonly goaway: boolean;
  /** MAX_REQUEST_ID may be sent after SETUP. Where not, SETUP grants every 32-bit id and the limit is not enforced. */
  readonly maxRequestIdUpdates: boolean;
  /** REQUESTS_BLOCKED may be sent. */
  readonly requestsBlocked: boolean;
  /** A PUBLISH_DONE of status 0x0 (INTERNAL_ERROR) whose reason is "done" is how the peer ends a track cleanly. */
  readonly doneIsZero: boolean;
  /** SUBSCRIBE_OK says "descending" whatever the publisher meant: it counts as nothing said. */
  readonly alwaysSaysDescending: boolean;
  /** A group below the newest ends the peer's subscription: groups are sent in ascending order, late ones not at all. */
  readonly ascendingGroupsOnly: boolean;
  /** A stream whose publisher was lost ends with FIN where it stood: inside an object, that counts as a reset. */
  readonly finCutsObjects: boolean;
}

/** A peer that follows the draft. */
export const conformingPeer: PeerProfile = {
  name: "conforming",
  goaway: true,
  maxRequestIdUpdates: true,
  requestsBlocked: true,
  doneIsZero: false,
  alwaysSaysDescending: false,
  ascendingGroupsOnly: false,
  finCutsObjects: false,
};

/**
 * Cloudflare's draft-14 code (crates moq-transport 0.12 to 0.14, moq-relay-ietf, moq-pub, moq-sub and their hosted relay):
 * any GOAWAY, MAX_REQUEST_ID or REQUESTS_BLOCKED ends its session ("Unimplemented message type"). It keeps one group per track,
 * the newest; the stream of an older one makes it unsubscribe.
 */
export const cloudflareDraft14: PeerProfile = {
  name: "cloudflare-draft-14",
  goaway: false,
  maxRequestIdUpdates: false,
  requestsBlocked: false,
  doneIsZero: true,
  alwaysSaysDescending: true,
  ascendingGroupsOnly: true,
  finCutsObjects: true,
};

/**
 * Recognises a peer by its SETUP. Cloudflare's draft-14 code names no implementation and always grants exactly 100 request
 * ids; a conforming peer taken for it loses nothing but GOAWAY, REQUESTS_BLOCKED and a tighter request limit.
 */
export function recogniseProfile(setup: SetupParameters): PeerProfile {
  return setup.implementation === undefined && setup.maxRequestId === 100 ? cloudflareDraft14 : conformingPeer;
}
