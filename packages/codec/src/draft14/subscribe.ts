/** SUBSCRIBE and its answers, SUBSCRIBE_UPDATE, UNSUBSCRIBE (sections 9.7 to 9.11). */
import type { Limits } from "../limits.ts";
import { readLocation, writeLocation } from "../location.ts";
import type {
  Location,
  Subscribe,
  SubscribeError,
  SubscribeOk,
  SubscribeUpdate,
  TrackStatus,
  TrackStatusOk,
  Unsubscribe,
} from "../messages.ts";
import { readFullTrackName, writeFullTrackName } from "../names.ts";
import type { Reader } from "../reader.ts";
import type { Writer } from "../writer.ts";
import { readFilter, writeFilter } from "./filter.ts";
import { type MessageCodec, readFlag, writeFlag } from "./message.ts";
import { readOrder, readRequestedOrder, writeOrder } from "./order.ts";
import { type Defined, defined, readParameters, writeParameters } from "./parameters.ts";
import { readRequestError, readRequestId, writeRequestError, writeRequestId } from "./request.ts";

/** SUBSCRIBE. */
export const subscribe: MessageCodec<Subscribe> = {
  id: 0x3,
  type: "subscribe",
  read: (reader, limits) => ({ type: "subscribe", ...readSubscribeBody(reader, limits, defined.subscribe) }),
  write: (writer, message) => writeSubscribeBody(writer, message, defined.subscribe),
};

/** SUBSCRIBE_OK. */
export const subscribeOk: MessageCodec<SubscribeOk> = {
  id: 0x4,
  type: "subscribeOk",
  read: (reader, limits) => ({ type: "subscribeOk", ...readSubscribeOkBody(reader, limits, defined.subscribeOk) }),
  write: (writer, message) => writeSubscribeOkBody(writer, message, defined.subscribeOk),
};

/** SUBSCRIBE_ERROR. */
export const subscribeError: MessageCodec<SubscribeError> = {
  id: 0x5,
  type: "subscribeError",
  read: (reader) => ({ type: "subscribeError", ...readRequestError(reader) }),
  write: writeRequestError,
};

/** SUBSCRIBE_UPDATE. That it may only narrow the subscription is for the session to check. */
export const subscribeUpdate: MessageCodec<SubscribeUpdate> = {
  id: 0x2,
  type: "subscribeUpdate",
  read(reader, limits) {
    const requestId = readRequestId(reader);
    const subscriptionRequestId = reader.varint("Subscription Request ID");
    const start = readLocation(reader, "Start Location");
    const endGroupPlusOne = reader.saturatingVarint("End Group");
    return {
      type: "subscribeUpdate",
      requestId,
      subscriptionRequestId,
      start,
      ...(endGroupPlusOne > 0 && { endGroup: endGroupPlusOne - 1 }),
      subscriberPriority: reader.u8("Subscriber Priority"),
      forward: readFlag(reader, "Forward"),
      parameters: readParameters(reader, limits, defined.subscribeUpdate),
    };
  },
  write(writer, message) {
    writeRequestId(writer, message);
    writer.varint(message.subscriptionRequestId, "Subscription Request ID");
    writeLocation(writer, message.start, "Start Location");
    writer.varint(message.endGroup === undefined ? 0 : message.endGroup + 1, "End Group");
    writer.u8(message.subscriberPriority, "Subscriber Priority");
    writeFlag(writer, message.forward, "Forward");
    writeParameters(writer, message.parameters, defined.subscribeUpdate);
  },
};

/** UNSUBSCRIBE. */
export const unsubscribe: MessageCodec<Unsubscribe> = {
  id: 0xa,
  type: "unsubscribe",
  read: (reader) => ({ type: "unsubscribe", requestId: readRequestId(reader) }),
  write: writeRequestId,
};

/** The body of SUBSCRIBE, which TRACK_STATUS shares. */
export function readSubscribeBody(
  reader: Reader,
  limits: Limits,
  allowed: Defined,
): Omit<Subscribe | TrackStatus, "type"> {
  return {
    requestId: readRequestId(reader),
    ...readFullTrackName(reader),
    subscriberPriority: reader.u8("Subscriber Priority"),
    groupOrder: readRequestedOrder(reader),
    forward: readFlag(reader, "Forward"),
    filter: readFilter(reader),
    parameters: readParameters(reader, limits, allowed),
  };
}

/** Writes the body of SUBSCRIBE and TRACK_STATUS. */
export function writeSubscribeBody(
  writer: Writer,
  message: Omit<Subscribe | TrackStatus, "type">,
  allowed: Defined,
): void {
  writeRequestId(writer, message);
  writeFullTrackName(writer, message);
  writer.u8(message.subscriberPriority, "Subscriber Priority");
  writeOrder(writer, message.groupOrder);
  writeFlag(writer, message.forward, "Forward");
  writeFilter(writer, message.filter);
  writeParameters(writer, message.parameters, allowed);
}

/** The body of SUBSCRIBE_OK, which TRACK_STATUS_OK shares. */
export function readSubscribeOkBody(
  reader: Reader,
  limits: Limits,
  allowed: Defined,
): Omit<SubscribeOk | TrackStatusOk, "type"> {
  return {
    requestId: readRequestId(reader),
    trackAlias: reader.varint("Track Alias"),
    expiresMs: reader.saturatingVarint("Expires"),
    groupOrder: readOrder(reader),
    ...readLargest(reader),
    parameters: readParameters(reader, limits, allowed),
  };
}

/** Writes the body of SUBSCRIBE_OK and TRACK_STATUS_OK. */
export function writeSubscribeOkBody(
  writer: Writer,
  message: Omit<SubscribeOk | TrackStatusOk, "type">,
  allowed: Defined,
): void {
  writeRequestId(writer, message);
  writer.varint(message.trackAlias, "Track Alias");
  writer.varint(message.expiresMs, "Expires");
  writeOrder(writer, message.groupOrder);
  writeLargest(writer, message.largest);
  writeParameters(writer, message.parameters, allowed);
}

/** Content Exists and Largest Location. */
export function readLargest(reader: Reader): { largest?: Location } {
  return readFlag(reader, "Content Exists") ? { largest: readLocation(reader, "Largest Location") } : {};
}

/** Writes Content Exists and Largest Location. */
export function writeLargest(writer: Writer, largest: Location | undefined): void {
  writeFlag(writer, largest !== undefined, "Content Exists");
  if (largest !== undefined) writeLocation(writer, largest, "Largest Location");
}
