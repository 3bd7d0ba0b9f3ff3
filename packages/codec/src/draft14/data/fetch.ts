/** Writing fetch streams (section 10.4.4). Nothing here allocates: it runs while a packet is being built. */
import type { FetchHeader, FetchObjectHeader } from "../../objects.ts";
import { varintSize, writeVarint } from "../../varint.ts";
import { checkId, checkObject, objectTailSize, writeObjectTail } from "./object.ts";
import { priorityByte } from "./priority.ts";

/** The type of a fetch stream. */
export const fetchType = 0x05;

/** The type and an identifier of at most 8 bytes. */
export const maxFetchHeaderBytes = 9;

/** See `Wire.encodeFetchHeader`. */
export function encodeFetchHeader(target: Uint8Array, offset: number, end: number, header: FetchHeader): number {
  checkId(header.requestId, "Request ID");
  const size = 1 + varintSize(header.requestId);
  if (offset + size > end || end > target.length) return 0;
  target[offset] = fetchType;
  writeVarint(target, offset + 1, header.requestId);
  return size;
}

/** See `Wire.fetchObjectHeaderSize`. */
export function fetchObjectHeaderSize(_previous: FetchObjectHeader | undefined, object: FetchObjectHeader): number {
  const ids = varintSize(object.group) + varintSize(object.subgroup) + varintSize(object.id);
  return ids + 1 + objectTailSize(object, true);
}

/** See `Wire.encodeFetchObjectHeader`. In this draft it does not depend on the object before. */
export function encodeFetchObjectHeader(
  target: Uint8Array,
  offset: number,
  end: number,
  previous: FetchObjectHeader | undefined,
  object: FetchObjectHeader,
): number {
  checkId(object.group, "Group ID");
  checkId(object.subgroup, "Subgroup ID");
  checkId(object.id, "Object ID");
  checkObject(object, true);
  const priority = priorityByte(object.publisherPriority);
  const size = fetchObjectHeaderSize(previous, object);
  if (offset + size > end || end > target.length) return 0;
  let at = writeVarint(target, offset, object.group);
  at = writeVarint(target, at, object.subgroup);
  at = writeVarint(target, at, object.id);
  target[at] = priority;
  writeObjectTail(target, at + 1, object, true);
  return size;
}
