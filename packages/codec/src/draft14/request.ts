/** Bodies that several messages share: a request id alone, and a request id with an error. */
import type { WireInteger } from "../messages.ts";
import type { Reader } from "../reader.ts";
import { readReason, writeReason } from "../reason.ts";
import type { Writer } from "../writer.ts";

/** Request ID, the whole body of OK and cancel messages. */
export function readRequestId(reader: Reader): number {
  return reader.varint("Request ID");
}

/** Writes Request ID. */
export function writeRequestId(writer: Writer, message: { readonly requestId: number }): void {
  writer.varint(message.requestId, "Request ID");
}

/** The body of the error messages. */
export interface RequestErrorBody {
  readonly requestId: number;
  readonly errorCode: WireInteger;
  readonly reason: string;
}

/** Request ID, Error Code and Error Reason. */
export function readRequestError(reader: Reader): RequestErrorBody {
  const requestId = readRequestId(reader);
  const errorCode = reader.integer("Error Code");
  return { requestId, errorCode, reason: readReason(reader) };
}

/** Writes Request ID, Error Code and Error Reason. */
export function writeRequestError(writer: Writer, body: RequestErrorBody): void {
  writeRequestId(writer, body);
  writer.varint(body.errorCode, "Error Code");
  writeReason(writer, body.reason);
}
