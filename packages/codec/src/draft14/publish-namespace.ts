/** PUBLISH_NAMESPACE and its answers, _DONE, _CANCEL (sections 9.23 to 9.27). */
import type {
  PublishNamespace,
  PublishNamespaceCancel,
  PublishNamespaceDone,
  PublishNamespaceError,
  PublishNamespaceOk,
} from "../messages.ts";
import { readNamespace, writeNamespace } from "../names.ts";
import { readReason, writeReason } from "../reason.ts";
import type { MessageCodec } from "./message.ts";
import { defined, readParameters, writeParameters } from "./parameters.ts";
import { readRequestError, readRequestId, writeRequestError, writeRequestId } from "./request.ts";

/** PUBLISH_NAMESPACE. */
export const publishNamespace: MessageCodec<PublishNamespace> = {
  id: 0x6,
  type: "publishNamespace",
  read: (reader, limits) => ({
    type: "publishNamespace",
    requestId: readRequestId(reader),
    namespace: readNamespace(reader),
    parameters: readParameters(reader, limits, defined.publishNamespace),
  }),
  write(writer, message) {
    writeRequestId(writer, message);
    writeNamespace(writer, message.namespace);
    writeParameters(writer, message.parameters, defined.publishNamespace);
  },
};

/** PUBLISH_NAMESPACE_OK. */
export const publishNamespaceOk: MessageCodec<PublishNamespaceOk> = {
  id: 0x7,
  type: "publishNamespaceOk",
  read: (reader) => ({ type: "publishNamespaceOk", requestId: readRequestId(reader) }),
  write: writeRequestId,
};

/** PUBLISH_NAMESPACE_ERROR. */
export const publishNamespaceError: MessageCodec<PublishNamespaceError> = {
  id: 0x8,
  type: "publishNamespaceError",
  read: (reader) => ({ type: "publishNamespaceError", ...readRequestError(reader) }),
  write: writeRequestError,
};

/** PUBLISH_NAMESPACE_DONE. */
export const publishNamespaceDone: MessageCodec<PublishNamespaceDone> = {
  id: 0x9,
  type: "publishNamespaceDone",
  read: (reader) => ({ type: "publishNamespaceDone", namespace: readNamespace(reader) }),
  write: (writer, message) => writeNamespace(writer, message.namespace),
};

/** PUBLISH_NAMESPACE_CANCEL. */
export const publishNamespaceCancel: MessageCodec<PublishNamespaceCancel> = {
  id: 0xc,
  type: "publishNamespaceCancel",
  read: (reader) => ({
    type: "publishNamespaceCancel",
    namespace: readNamespace(reader),
    errorCode: reader.integer("Error Code"),
    reason: readReason(reader),
  }),
  write(writer, message) {
    writeNamespace(writer, message.namespace);
    writer.varint(message.errorCode, "Error Code");
    writeReason(writer, message.reason);
  },
};
