/** Writing subgroup streams (section 10.4.2). Nothing here allocates: it runs while a packet is being built. */
import { CodecError } from "../../errors.ts";
import type { ObjectHeader, SubgroupHeader } from "../../objects.ts";
import { varintSize, writeVarint } from "../../varint.ts";
import { checkId, checkObject, objectTailSize, writeObjectTail } from "./object.ts";
import { priorityByte } from "./priority.ts";

/** The bits of a subgroup stream's type, 0x10 to 0x1D. */
export const subgroupType = {
  base: 0x10,
  hasExtensions: 0x01,
  /** Without `explicitId`: the subgroup id is that of the first object. Without both: 0. */
  firstObjectId: 0x02,
  explicitId: 0x04,
  endOfGroup: 0x08,
} as const;

/** The type and three identifiers of at most 8 bytes, and a byte of priority. */
export const maxSubgroupHeaderBytes = 26;

/** See `Wire.encodeSubgroupHeader`. */
export function encodeSubgroupHeader(target: Uint8Array, offset: number, end: number, header: SubgroupHeader): number {
  const { trackAlias, group, subgroup } = header;
  checkId(trackAlias, "Track Alias");
  checkId(group, "Group ID");
  let type: number = subgroupType.base;
  let size = 2 + varintSize(trackAlias) + varintSize(group);
  if (subgroup === undefined) {
    type |= subgroupType.firstObjectId;
  } else if (subgroup !== 0) {
    checkId(subgroup, "Subgroup ID");
    type |= subgroupType.explicitId;
    size += varintSize(subgroup);
  }
  if (header.hasExtensions) type |= subgroupType.hasExtensions;
  if (header.endOfGroup) type |= subgroupType.endOfGroup;
  const priority = priorityByte(header.publisherPriority);
  if (offset + size > end || end > target.length) return 0;

  target[offset] = type;
  let at = writeVarint(target, offset + 1, trackAlias);
  at = writeVarint(target, at, group);
  if ((type & subgroupType.explicitId) !== 0) at = writeVarint(target, at, subgroup!);
  target[at] = priority;
  return size;
}

/** See `Wire.objectHeaderSize`. */
export function objectHeaderSize(previousId: number, hasExtensions: boolean, object: ObjectHeader): number {
  return varintSize(object.id - previousId - 1) + objectTailSize(object, hasExtensions);
}

/** See `Wire.encodeObjectHeader`. */
export function encodeObjectHeader(
  target: Uint8Array,
  offset: number,
  end: number,
  previousId: number,
  hasExtensions: boolean,
  object: ObjectHeader,
): number {
  checkId(object.id, "Object ID");
  if (object.id <= previousId) {
    const detail = `It is ${object.id}; the object before has ${previousId}.`;
    throw new CodecError("value-invalid", "Object ID", undefined, detail);
  }
  checkObject(object, hasExtensions);
  const size = objectHeaderSize(previousId, hasExtensions, object);
  if (offset + size > end || end > target.length) return 0;
  const at = writeVarint(target, offset, object.id - previousId - 1);
  writeObjectTail(target, at, object, hasExtensions);
  return size;
}
