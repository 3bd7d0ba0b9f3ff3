/** TRACK_STATUS and its answers: the bodies of SUBSCRIBE and its answers under other numbers (sections 9.20 to 9.22). */
import type { TrackStatus, TrackStatusError, TrackStatusOk } from "../messages.ts";
import type { MessageCodec } from "./message.ts";
import { defined } from "./parameters.ts";
import { readRequestError, writeRequestError } from "./request.ts";
import { readSubscribeBody, readSubscribeOkBody, writeSubscribeBody, writeSubscribeOkBody } from "./subscribe.ts";

/** TRACK_STATUS. */
export const trackStatus: MessageCodec<TrackStatus> = {
  id: 0xd,
  type: "trackStatus",
  read: (reader, limits) => ({ type: "trackStatus", ...readSubscribeBody(reader, limits, defined.trackStatus) }),
  write: (writer, message) => writeSubscribeBody(writer, message, defined.trackStatus),
};

/** TRACK_STATUS_OK. Its track alias is to be 0. */
export const trackStatusOk: MessageCodec<TrackStatusOk> = {
  id: 0xe,
  type: "trackStatusOk",
  read: (reader, limits) => ({ type: "trackStatusOk", ...readSubscribeOkBody(reader, limits, defined.trackStatusOk) }),
  write: (writer, message) => writeSubscribeOkBody(writer, message, defined.trackStatusOk),
};

/** TRACK_STATUS_ERROR. */
export const trackStatusError: MessageCodec<TrackStatusError> = {
  id: 0xf,
  type: "trackStatusError",
  read: (reader) => ({ type: "trackStatusError", ...readRequestError(reader) }),
  write: writeRequestError,
};
