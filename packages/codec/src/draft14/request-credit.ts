/** MAX_REQUEST_ID and REQUESTS_BLOCKED, the flow control of requests (sections 9.5 and 9.6). */
import type { MaxRequestId, RequestsBlocked } from "../messages.ts";
import type { MessageCodec } from "./message.ts";

/** MAX_REQUEST_ID. That it must increase is for the session to check. */
export const maxRequestId: MessageCodec<MaxRequestId> = {
  id: 0x15,
  type: "maxRequestId",
  read: (reader) => ({ type: "maxRequestId", requestId: reader.saturatingVarint("Request ID") }),
  write: (writer, message) => writer.varint(message.requestId, "Request ID"),
};

/** REQUESTS_BLOCKED. */
export const requestsBlocked: MessageCodec<RequestsBlocked> = {
  id: 0x1a,
  type: "requestsBlocked",
  read: (reader) => ({ type: "requestsBlocked", maxRequestId: reader.saturatingVarint("Maximum Request ID") }),
  write: (writer, message) => writer.varint(message.maxRequestId, "Maximum Request ID"),
};
