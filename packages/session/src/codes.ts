/**
 * Codes that this package sends, by name. The drafts it speaks agree on these numbers (digest: error codes of drafts 14 to
 * 19); a version that does not gets a table of its own in its `Wire`.
 */

/** Why a session ends (moq-transport-14, section "Session Termination Error Codes"). */
export const closeCode = {
  noError: 0x0,
  internalError: 0x1,
  protocolViolation: 0x3,
  invalidRequestId: 0x4,
  duplicateTrackAlias: 0x5,
  tooManyRequests: 0x7,
  invalidPath: 0x8,
  goawayTimeout: 0x10,
  controlMessageTimeout: 0x11,
  authTokenCacheOverflow: 0x13,
  versionNegotiationFailed: 0x15,
  unknownAuthTokenAlias: 0x17,
  invalidAuthority: 0x19,
} as const;

/** Answers to requests (section "SUBSCRIBE_ERROR Codes" and its sisters, which agree on these). */
export const requestCode = {
  internalError: 0x0,
  unauthorized: 0x1,
  timeout: 0x2,
  notSupported: 0x3,
  /** SUBSCRIBE_ERROR, FETCH_ERROR. */
  trackDoesNotExist: 0x4,
  /** PUBLISH_NAMESPACE_ERROR, PUBLISH_ERROR. */
  uninterested: 0x4,
  /** SUBSCRIBE_ERROR, FETCH_ERROR. */
  invalidRange: 0x5,
  /** SUBSCRIBE_NAMESPACE_ERROR. */
  namespacePrefixOverlap: 0x5,
} as const;

/** Statuses of PUBLISH_DONE (section "PUBLISH_DONE Codes"). */
export const doneCode = {
  internalError: 0x0,
  trackEnded: 0x2,
  subscriptionEnded: 0x3,
  goingAway: 0x4,
  malformedTrack: 0x7,
} as const;

/** Codes of RESET_STREAM and STOP_SENDING on data streams (section "Data Stream Reset Error Codes"). */
export const streamCode = {
  internalError: 0x0,
  cancelled: 0x1,
  deliveryTimeout: 0x2,
  sessionClosed: 0x3,
} as const;
