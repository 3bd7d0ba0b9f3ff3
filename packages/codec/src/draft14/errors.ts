/** Error and status codes of draft-ietf-moq-transport-14 (sections named at each table; registry in section 13.1). */
import type { ErrorTable, ErrorTables } from "../error-table.ts";

const internalError = { code: 0x0, name: "INTERNAL_ERROR", says: "The peer failed for a reason of its own." };
const malformedToken = {
  code: 0x10,
  name: "MALFORMED_AUTH_TOKEN",
  says: "The authorization token is not one the peer can read.",
};
const expiredToken = { code: 0x12, name: "EXPIRED_AUTH_TOKEN", says: "The authorization token has expired." };

/** Session termination, section 3.4. */
export const sessionErrors = [
  { code: 0x0, name: "NO_ERROR", says: "The session ends without an error." },
  { code: 0x1, name: "INTERNAL_ERROR", says: "The peer failed for a reason of its own." },
  { code: 0x2, name: "UNAUTHORIZED", says: "The client may not establish a session." },
  { code: 0x3, name: "PROTOCOL_VIOLATION", says: "An endpoint did what the draft forbids." },
  {
    code: 0x4,
    name: "INVALID_REQUEST_ID",
    says: "A request id was not the next one, or of the wrong side.",
  },
  { code: 0x5, name: "DUPLICATE_TRACK_ALIAS", says: "A track alias was given to a second track." },
  { code: 0x6, name: "KEY_VALUE_FORMATTING_ERROR", says: "A key-value pair does not have the form its type asks for." },
  { code: 0x7, name: "TOO_MANY_REQUESTS", says: "A request id was at or above the maximum request id." },
  { code: 0x8, name: "INVALID_PATH", says: "The path is not served here, or PATH was sent where it may not be." },
  { code: 0x9, name: "MALFORMED_PATH", says: "PATH is not the path and query of a URI." },
  { code: 0x10, name: "GOAWAY_TIMEOUT", says: "The session was not closed in time after GOAWAY." },
  { code: 0x11, name: "CONTROL_MESSAGE_TIMEOUT", says: "A control message was not answered in time." },
  { code: 0x12, name: "DATA_STREAM_TIMEOUT", says: "Data expected on an open stream did not come in time." },
  { code: 0x13, name: "AUTH_TOKEN_CACHE_OVERFLOW", says: "More tokens were registered than the cache holds." },
  { code: 0x14, name: "DUPLICATE_AUTH_TOKEN_ALIAS", says: "A token alias was registered twice." },
  { code: 0x15, name: "VERSION_NEGOTIATION_FAILED", says: "The endpoints have no version in common." },
  { code: 0x16, name: "MALFORMED_AUTH_TOKEN", says: "A registered authorization token cannot be read." },
  { code: 0x17, name: "UNKNOWN_AUTH_TOKEN_ALIAS", says: "A token alias was used that is not registered." },
  { code: 0x18, name: "EXPIRED_AUTH_TOKEN", says: "The authorization token has expired." },
  {
    code: 0x19,
    name: "INVALID_AUTHORITY",
    says: "The authority is not served here, or AUTHORITY was sent where it may not be.",
  },
  { code: 0x1a, name: "MALFORMED_AUTHORITY", says: "AUTHORITY is not the authority of a URI." },
] as const satisfies ErrorTable;

/** SUBSCRIBE_ERROR and TRACK_STATUS_ERROR, sections 9.9 and 9.22. */
export const subscribeErrors = [
  internalError,
  { code: 0x1, name: "UNAUTHORIZED", says: "The subscriber may not have this track." },
  { code: 0x2, name: "TIMEOUT", says: "The subscription did not come about in time." },
  { code: 0x3, name: "NOT_SUPPORTED", says: "The peer does not take subscriptions." },
  { code: 0x4, name: "TRACK_DOES_NOT_EXIST", says: "The publisher has no such track." },
  { code: 0x5, name: "INVALID_RANGE", says: "The range ends before it begins, or its end is already published." },
  malformedToken,
  expiredToken,
] as const satisfies ErrorTable;

/** Status of PUBLISH_DONE, section 9.12. */
export const publishDoneStatuses = [
  internalError,
  { code: 0x1, name: "UNAUTHORIZED", says: "The subscriber may no longer have this track." },
  { code: 0x2, name: "TRACK_ENDED", says: "The track is no longer published." },
  { code: 0x3, name: "SUBSCRIPTION_ENDED", says: "The end of the subscribed range was reached." },
  { code: 0x4, name: "GOING_AWAY", says: "One of the endpoints sent GOAWAY." },
  { code: 0x5, name: "EXPIRED", says: "The time given in SUBSCRIBE_OK is over." },
  { code: 0x6, name: "TOO_FAR_BEHIND", says: "More objects were queued for the subscriber than the publisher keeps." },
  { code: 0x7, name: "MALFORMED_TRACK", says: "The track contradicts itself." },
] as const satisfies ErrorTable;

/** PUBLISH_ERROR, section 9.15. */
export const publishErrors = [
  internalError,
  { code: 0x1, name: "UNAUTHORIZED", says: "The publisher may not publish this track." },
  { code: 0x2, name: "TIMEOUT", says: "The subscription did not come about in time." },
  { code: 0x3, name: "NOT_SUPPORTED", says: "The peer does not take PUBLISH." },
  { code: 0x4, name: "UNINTERESTED", says: "The peer does not want this track." },
] as const satisfies ErrorTable;

/** FETCH_ERROR, section 9.18. */
export const fetchErrors = [
  internalError,
  { code: 0x1, name: "UNAUTHORIZED", says: "The subscriber may not fetch from this track." },
  { code: 0x2, name: "TIMEOUT", says: "The objects were not obtained in time." },
  { code: 0x3, name: "NOT_SUPPORTED", says: "The peer does not take FETCH." },
  { code: 0x4, name: "TRACK_DOES_NOT_EXIST", says: "The publisher has no such track." },
  {
    code: 0x5,
    name: "INVALID_RANGE",
    says: "The range ends before it begins, or begins behind the largest object.",
  },
  { code: 0x6, name: "NO_OBJECTS", says: "No objects exist in the range." },
  { code: 0x7, name: "INVALID_JOINING_REQUEST_ID", says: "The subscription to join does not exist." },
  { code: 0x8, name: "UNKNOWN_STATUS_IN_RANGE", says: "The range holds objects of which nothing is known." },
  { code: 0x9, name: "MALFORMED_TRACK", says: "The track contradicts itself." },
  malformedToken,
  expiredToken,
] as const satisfies ErrorTable;

/** PUBLISH_NAMESPACE_ERROR and PUBLISH_NAMESPACE_CANCEL, sections 9.25 and 9.27. */
export const publishNamespaceErrors = [
  internalError,
  { code: 0x1, name: "UNAUTHORIZED", says: "The publisher may not announce this namespace." },
  { code: 0x2, name: "TIMEOUT", says: "The announcement was not accepted in time." },
  { code: 0x3, name: "NOT_SUPPORTED", says: "The peer does not take PUBLISH_NAMESPACE." },
  { code: 0x4, name: "UNINTERESTED", says: "The peer does not want this namespace." },
  malformedToken,
  expiredToken,
] as const satisfies ErrorTable;

/** SUBSCRIBE_NAMESPACE_ERROR, section 9.30. */
export const subscribeNamespaceErrors = [
  internalError,
  { code: 0x1, name: "UNAUTHORIZED", says: "The subscriber may not have this prefix." },
  { code: 0x2, name: "TIMEOUT", says: "The request was not completed in time." },
  { code: 0x3, name: "NOT_SUPPORTED", says: "The peer does not take SUBSCRIBE_NAMESPACE." },
  { code: 0x4, name: "NAMESPACE_PREFIX_UNKNOWN", says: "The prefix is not available for subscription." },
  { code: 0x5, name: "NAMESPACE_PREFIX_OVERLAP", says: "The prefix overlaps one already subscribed in this session." },
  malformedToken,
  expiredToken,
] as const satisfies ErrorTable;

/** RESET_STREAM of data streams, section 10.4.3. */
export const streamResetErrors = [
  internalError,
  { code: 0x1, name: "CANCELLED", says: "The subscriber or the publisher ended the subscription." },
  { code: 0x2, name: "DELIVERY_TIMEOUT", says: "An object was not delivered in time." },
  { code: 0x3, name: "SESSION_CLOSED", says: "The publisher's session is being closed." },
] as const satisfies ErrorTable;

/** All families. */
export const errorTables: ErrorTables = {
  session: sessionErrors,
  subscribe: subscribeErrors,
  publishDone: publishDoneStatuses,
  publish: publishErrors,
  fetch: fetchErrors,
  publishNamespace: publishNamespaceErrors,
  subscribeNamespace: subscribeNamespaceErrors,
  streamReset: streamResetErrors,
};
