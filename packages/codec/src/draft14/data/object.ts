/**
 * What objects on subgroup streams, fetch streams and in datagrams have in common: id checks, extensions, size and status
 * (sections 10.2.1 and 10.4.2).
 */
import { CodecError } from "../../errors.ts";
import type { HeaderCursor } from "../../incremental.ts";
import { checkKeyValuePairs } from "../../key-value.ts";
import type { Limits } from "../../limits.ts";
import { type ObjectHeader, type ObjectStatus, objectStatus } from "../../objects.ts";
import { varintSize, writeVarint } from "../../varint.ts";

/** Throws for a status the draft does not define. */
export function checkStatus(status: number, offset: number): ObjectStatus {
  if (isObjectStatus(status)) return status;
  throw new CodecError("value-undefined", "Object Status", offset, `It is ${status}; 0, 1, 3 and 4 are defined.`);
}

/** Throws unless the bytes at the cursor's `at` are extensions an object may have. */
export function checkExtensions(cursor: HeaderCursor, at: number, length: number): void {
  if (length > 0) checkKeyValuePairs(cursor.bytes, at, at + length, cursor.origin);
}

/** Throws when a block of extensions is longer than the limit. */
export function checkExtensionLength(length: number, limits: Limits, offset: number): void {
  if (length > limits.maxExtensionBytes) {
    const detail = `It has ${length}; the limit is ${limits.maxExtensionBytes}.`;
    throw new CodecError("extensions-too-long", "Extension Headers Length", offset, detail);
  }
}

/** Throws unless an identifier given by the program can be written. */
export function checkId(value: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new CodecError("value-invalid", field, undefined, `It is ${value}; it should be an integer up to 2^53-1.`);
  }
}

/** Throws unless size, status and extensions given by the program go together. */
export function checkObject(object: ObjectHeader, hasExtensions: boolean): void {
  checkId(object.sizeBytes, "Object Payload Length");
  if (object.status !== objectStatus.normal && object.sizeBytes > 0) {
    throw new CodecError("value-invalid", "Object Payload Length", undefined, "Only a normal object has a payload.");
  }
  checkStatusAndExtensions(object.status, object.extensions, hasExtensions);
}

/** Throws unless status and extensions given by the program go together. */
export function checkStatusAndExtensions(status: number, extensions: Uint8Array, hasExtensions: boolean): void {
  if (!isObjectStatus(status)) {
    throw new CodecError("value-invalid", "Object Status", undefined, `It is ${status}; 0, 1, 3 and 4 are defined.`);
  }
  if (extensions.length === 0) return;
  if (!hasExtensions) {
    throw new CodecError("value-invalid", "Extension headers", undefined, "The stream's header announced none.");
  }
  if (status === objectStatus.doesNotExist) {
    throw new CodecError("value-invalid", "Extension headers", undefined, "An object that does not exist has none.");
  }
}

/** Bytes of extensions length, extensions, payload length and status. */
export function objectTailSize(object: ObjectHeader, hasExtensions: boolean): number {
  const extensions = object.extensions.length;
  const size = hasExtensions ? varintSize(extensions) + extensions : 0;
  return size + (object.sizeBytes === 0 ? 2 : varintSize(object.sizeBytes));
}

/** Writes extensions length, extensions, payload length and status; returns the offset behind them. */
export function writeObjectTail(
  target: Uint8Array,
  offset: number,
  object: ObjectHeader,
  hasExtensions: boolean,
): number {
  let at = offset;
  if (hasExtensions) at = writeExtensions(target, at, object.extensions);
  at = writeVarint(target, at, object.sizeBytes);
  return object.sizeBytes === 0 ? writeVarint(target, at, object.status) : at;
}

/** Writes extensions and their length; returns the offset behind them. */
export function writeExtensions(target: Uint8Array, offset: number, extensions: Uint8Array): number {
  const { length } = extensions;
  const at = writeVarint(target, offset, length);
  // Calling `set` costs more than a few bytes do.
  if (length > 32) target.set(extensions, at);
  else for (let i = 0; i < length; i++) target[at + i] = extensions[i]!;
  return at + length;
}

function isObjectStatus(status: number): status is ObjectStatus {
  return status >= 0 && status <= 4 && status !== 2 && Number.isInteger(status);
}
