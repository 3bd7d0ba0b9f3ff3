/** FETCH and its answers, FETCH_CANCEL (sections 9.16 to 9.19). */
import { CodecError } from "../errors.ts";
import { readBound, readLocation, writeLocation } from "../location.ts";
import type { Fetch, FetchCancel, FetchError, FetchOk, FetchRange } from "../messages.ts";
import { readFullTrackName, writeFullTrackName } from "../names.ts";
import type { Reader } from "../reader.ts";
import type { Writer } from "../writer.ts";
import { type MessageCodec, readFlag, writeFlag } from "./message.ts";
import { readOrder, readRequestedOrder, writeOrder } from "./order.ts";
import { defined, readParameters, writeParameters } from "./parameters.ts";
import { readRequestError, readRequestId, writeRequestError, writeRequestId } from "./request.ts";

const STANDALONE = 0x1;
const RELATIVE_JOINING = 0x2;
const ABSOLUTE_JOINING = 0x3;

/** FETCH. A range that ends before it starts is read: the answer to it is an INVALID_RANGE error. */
export const fetch: MessageCodec<Fetch> = {
  id: 0x16,
  type: "fetch",
  read: (reader, limits) => ({
    type: "fetch",
    requestId: readRequestId(reader),
    subscriberPriority: reader.u8("Subscriber Priority"),
    groupOrder: readRequestedOrder(reader),
    range: readRange(reader),
    parameters: readParameters(reader, limits, defined.fetch),
  }),
  write(writer, message) {
    writeRequestId(writer, message);
    writer.u8(message.subscriberPriority, "Subscriber Priority");
    writeOrder(writer, message.groupOrder);
    writeRange(writer, message.range);
    writeParameters(writer, message.parameters, defined.fetch);
  },
};

/** FETCH_OK. */
export const fetchOk: MessageCodec<FetchOk> = {
  id: 0x18,
  type: "fetchOk",
  read: (reader, limits) => ({
    type: "fetchOk",
    requestId: readRequestId(reader),
    groupOrder: readOrder(reader),
    endOfTrack: readFlag(reader, "End Of Track"),
    end: readBound(reader, "End Location"),
    parameters: readParameters(reader, limits, defined.fetchOk),
  }),
  write(writer, message) {
    writeRequestId(writer, message);
    writeOrder(writer, message.groupOrder);
    writeFlag(writer, message.endOfTrack, "End Of Track");
    writeLocation(writer, message.end, "End Location");
    writeParameters(writer, message.parameters, defined.fetchOk);
  },
};

/** FETCH_ERROR. */
export const fetchError: MessageCodec<FetchError> = {
  id: 0x19,
  type: "fetchError",
  read: (reader) => ({ type: "fetchError", ...readRequestError(reader) }),
  write: writeRequestError,
};

/** FETCH_CANCEL. */
export const fetchCancel: MessageCodec<FetchCancel> = {
  id: 0x17,
  type: "fetchCancel",
  read: (reader) => ({ type: "fetchCancel", requestId: readRequestId(reader) }),
  write: writeRequestId,
};

function readRange(reader: Reader): FetchRange {
  const offset = reader.offset;
  const type = reader.integer("Fetch Type");
  switch (type) {
    case STANDALONE: {
      const name = readFullTrackName(reader);
      const start = readLocation(reader, "Start Location");
      return { type: "standalone", ...name, start, end: readBound(reader, "End Location") };
    }
    case RELATIVE_JOINING:
    case ABSOLUTE_JOINING: {
      const joiningRequestId = reader.varint("Joining Request ID");
      const joiningStart = reader.saturatingVarint("Joining Start");
      return {
        type: type === RELATIVE_JOINING ? "relativeJoining" : "absoluteJoining",
        joiningRequestId,
        joiningStart,
      };
    }
    default:
      throw new CodecError("value-undefined", "Fetch Type", offset, `It is ${type}; 1 to 3 are defined.`);
  }
}

function writeRange(writer: Writer, range: FetchRange): void {
  if (range.type === "standalone") {
    writer.varint(STANDALONE, "Fetch Type");
    writeFullTrackName(writer, range);
    writeLocation(writer, range.start, "Start Location");
    writeLocation(writer, range.end, "End Location");
    return;
  }
  writer.varint(range.type === "relativeJoining" ? RELATIVE_JOINING : ABSOLUTE_JOINING, "Fetch Type");
  writer.varint(range.joiningRequestId, "Joining Request ID");
  writer.varint(range.joiningStart, "Joining Start");
}
