/** PUBLISH and its answers, PUBLISH_DONE (sections 9.12 to 9.15). Three figures print Length (i): it is 16 bits as everywhere. */
import type { Publish, PublishDone, PublishError, PublishOk } from "../messages.ts";
import { readFullTrackName, writeFullTrackName } from "../names.ts";
import { readReason, writeReason } from "../reason.ts";
import { maxVarint } from "../varint.ts";
import { readFilter, writeFilter } from "./filter.ts";
import { type MessageCodec, readFlag, writeFlag } from "./message.ts";
import { readOrder, writeOrder } from "./order.ts";
import { defined, readParameters, writeParameters } from "./parameters.ts";
import { readRequestError, readRequestId, writeRequestError, writeRequestId } from "./request.ts";
import { readLargest, writeLargest } from "./subscribe.ts";

/** PUBLISH. */
export const publish: MessageCodec<Publish> = {
  id: 0x1d,
  type: "publish",
  read: (reader, limits) => ({
    type: "publish",
    requestId: readRequestId(reader),
    ...readFullTrackName(reader),
    trackAlias: reader.varint("Track Alias"),
    groupOrder: readOrder(reader),
    ...readLargest(reader),
    forward: readFlag(reader, "Forward"),
    parameters: readParameters(reader, limits, defined.publish),
  }),
  write(writer, message) {
    writeRequestId(writer, message);
    writeFullTrackName(writer, message);
    writer.varint(message.trackAlias, "Track Alias");
    writeOrder(writer, message.groupOrder);
    writeLargest(writer, message.largest);
    writeFlag(writer, message.forward, "Forward");
    writeParameters(writer, message.parameters, defined.publish);
  },
};

/** PUBLISH_OK. */
export const publishOk: MessageCodec<PublishOk> = {
  id: 0x1e,
  type: "publishOk",
  read: (reader, limits) => ({
    type: "publishOk",
    requestId: readRequestId(reader),
    forward: readFlag(reader, "Forward"),
    subscriberPriority: reader.u8("Subscriber Priority"),
    groupOrder: readOrder(reader),
    filter: readFilter(reader),
    parameters: readParameters(reader, limits, defined.publishOk),
  }),
  write(writer, message) {
    writeRequestId(writer, message);
    writeFlag(writer, message.forward, "Forward");
    writer.u8(message.subscriberPriority, "Subscriber Priority");
    writeOrder(writer, message.groupOrder);
    writeFilter(writer, message.filter);
    writeParameters(writer, message.parameters, defined.publishOk);
  },
};

/** PUBLISH_ERROR. */
export const publishError: MessageCodec<PublishError> = {
  id: 0x1f,
  type: "publishError",
  read: (reader) => ({ type: "publishError", ...readRequestError(reader) }),
  write: writeRequestError,
};

/** PUBLISH_DONE. */
export const publishDone: MessageCodec<PublishDone> = {
  id: 0xb,
  type: "publishDone",
  read(reader) {
    const requestId = readRequestId(reader);
    const status = reader.integer("Status Code");
    const streamCount = reader.integer("Stream Count");
    return {
      type: "publishDone",
      requestId,
      status,
      // 2^62-1 says that the publisher cannot tell. No count near it is real either.
      ...(typeof streamCount === "number" && { streamCount }),
      reason: readReason(reader),
    };
  },
  write(writer, message) {
    writeRequestId(writer, message);
    writer.varint(message.status, "Status Code");
    writer.varint(message.streamCount ?? maxVarint, "Stream Count");
    writeReason(writer, message.reason);
  },
};
