/** SUBSCRIBE_NAMESPACE and its answers, UNSUBSCRIBE_NAMESPACE (sections 9.28 to 9.31). */
import { CodecError } from "../errors.ts";
import type {
  SubscribeNamespace,
  SubscribeNamespaceError,
  SubscribeNamespaceOk,
  UnsubscribeNamespace,
} from "../messages.ts";
import { readNamespace, writeNamespace } from "../names.ts";
import { varintLength } from "../varint.ts";
import type { MessageCodec } from "./message.ts";
import { defined, readParameters, writeParameters } from "./parameters.ts";
import { readRequestError, readRequestId, writeRequestError, writeRequestId } from "./request.ts";

const prefixField = "Track Namespace Prefix";

/** SUBSCRIBE_NAMESPACE. */
export const subscribeNamespace: MessageCodec<SubscribeNamespace> = {
  id: 0x11,
  type: "subscribeNamespace",
  read: (reader, limits) => ({
    type: "subscribeNamespace",
    requestId: readRequestId(reader),
    prefix: readNamespace(reader, prefixField),
    parameters: readParameters(reader, limits, defined.subscribeNamespace),
  }),
  write(writer, message) {
    writeRequestId(writer, message);
    writeNamespace(writer, message.prefix, prefixField);
    writeParameters(writer, message.parameters, defined.subscribeNamespace);
  },
};

/** SUBSCRIBE_NAMESPACE_OK. */
export const subscribeNamespaceOk: MessageCodec<SubscribeNamespaceOk> = {
  id: 0x12,
  type: "subscribeNamespaceOk",
  read: (reader) => ({ type: "subscribeNamespaceOk", requestId: readRequestId(reader) }),
  write: writeRequestId,
};

/** SUBSCRIBE_NAMESPACE_ERROR. */
export const subscribeNamespaceError: MessageCodec<SubscribeNamespaceError> = {
  id: 0x13,
  type: "subscribeNamespaceError",
  read: (reader) => ({ type: "subscribeNamespaceError", ...readRequestError(reader) }),
  write: writeRequestError,
};

/**
 * UNSUBSCRIBE_NAMESPACE. Section 9.31 puts the prefix here; moq-net sends and expects the request id, as draft 15 does. A body
 * that is one varint and nothing else is never a prefix, whose shortest form is a count and a length: so both are read.
 */
export const unsubscribeNamespace: MessageCodec<UnsubscribeNamespace> = {
  id: 0x14,
  type: "unsubscribeNamespace",
  read(reader) {
    const isRequestId = reader.remaining > 0 && varintLength(reader.bytes[reader.position]!) === reader.remaining;
    return isRequestId
      ? { type: "unsubscribeNamespace", requestId: readRequestId(reader) }
      : { type: "unsubscribeNamespace", prefix: readNamespace(reader, prefixField) };
  },
  write(writer, message) {
    if (message.prefix !== undefined && message.requestId === undefined) {
      writeNamespace(writer, message.prefix, prefixField);
    } else if (message.requestId !== undefined && message.prefix === undefined) {
      writeRequestId(writer, message);
    } else {
      throw new CodecError("value-invalid", prefixField, undefined, "Either a prefix or a request id is to be given.");
    }
  },
};
