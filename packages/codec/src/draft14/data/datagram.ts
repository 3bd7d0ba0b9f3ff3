/** Object datagrams: one object, no stream (section 10.3.1). */
import { copyBytes } from "../../bytes.ts";
import { CodecError } from "../../errors.ts";
import { checkKeyValuePairs } from "../../key-value.ts";
import { defaultLimits, type Limits } from "../../limits.ts";
import { type Datagram, type DatagramHeader, noExtensions, type ObjectStatus, objectStatus } from "../../objects.ts";
import { Reader } from "../../reader.ts";
import { varintSize, writeVarint } from "../../varint.ts";
import { checkExtensionLength, checkId, checkStatus, checkStatusAndExtensions, writeExtensions } from "./object.ts";
import { priorityByte } from "./priority.ts";

const HAS_EXTENSIONS = 0x01;
const END_OF_GROUP = 0x02;
/** The object id is left out and is 0. */
const OBJECT_ZERO = 0x04;
/** A status in place of the payload. Goes only with `HAS_EXTENSIONS`. */
const HAS_STATUS = 0x20;

/** See `Wire.decodeDatagram`. */
export function decodeDatagram(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: Limits = defaultLimits,
): Datagram {
  const reader = new Reader(bytes, start, end, "datagram-truncated");
  const type = reader.integer("Type");
  if (typeof type === "bigint" || !isDatagramType(type)) {
    throw new CodecError("datagram-type-unknown", "Type", 0, `It is ${type}.`);
  }
  const trackAlias = reader.varint("Track Alias");
  const group = reader.varint("Group ID");
  const object = (type & OBJECT_ZERO) !== 0 ? 0 : reader.varint("Object ID");
  const publisherPriority = reader.u8("Publisher Priority");
  const extensionsOffset = reader.offset;
  const extensions = (type & HAS_EXTENSIONS) !== 0 ? readExtensions(reader, limits) : noExtensions;
  const status = (type & HAS_STATUS) !== 0 ? readStatus(reader) : objectStatus.normal;
  if (status === objectStatus.doesNotExist && extensions.length > 0) {
    throw new CodecError("extensions-on-missing-object", "Extension headers", extensionsOffset);
  }
  return {
    trackAlias,
    group,
    object,
    publisherPriority,
    endOfGroup: (type & END_OF_GROUP) !== 0,
    status,
    extensions,
    payloadStart: reader.position,
    payloadEnd: end,
  };
}

/** See `Wire.datagramHeaderSize`. */
export function datagramHeaderSize(header: DatagramHeader): number {
  const hasStatus = header.status !== objectStatus.normal;
  const extensions = header.extensions.length;
  let size = 2 + varintSize(header.trackAlias) + varintSize(header.group);
  if (header.object !== 0 || hasStatus) size += varintSize(header.object);
  if (extensions > 0) size += varintSize(extensions) + extensions;
  return hasStatus ? size + 1 : size;
}

/** See `Wire.encodeDatagramHeader`. */
export function encodeDatagramHeader(target: Uint8Array, offset: number, end: number, header: DatagramHeader): number {
  const { trackAlias, group, object, status, extensions } = header;
  checkId(trackAlias, "Track Alias");
  checkId(group, "Group ID");
  checkId(object, "Object ID");
  checkStatusAndExtensions(status, extensions, true);
  const priority = priorityByte(header.publisherPriority);
  let type = extensions.length > 0 ? HAS_EXTENSIONS : 0;
  if (status !== objectStatus.normal) type |= HAS_STATUS;
  else if (object === 0) type |= OBJECT_ZERO;
  if (header.endOfGroup) {
    if (status !== objectStatus.normal) {
      throw new CodecError("value-invalid", "Type", undefined, "A datagram with a status cannot say end of group.");
    }
    type |= END_OF_GROUP;
  }
  const size = datagramHeaderSize(header);
  if (offset + size > end || end > target.length) return 0;

  target[offset] = type;
  let at = writeVarint(target, offset + 1, trackAlias);
  at = writeVarint(target, at, group);
  if ((type & OBJECT_ZERO) === 0) at = writeVarint(target, at, object);
  target[at++] = priority;
  if (extensions.length > 0) at = writeExtensions(target, at, extensions);
  if ((type & HAS_STATUS) !== 0) target[at] = status;
  return size;
}

function isDatagramType(type: number): boolean {
  return type <= 0x07 || type === HAS_STATUS || type === (HAS_STATUS | HAS_EXTENSIONS);
}

function readExtensions(reader: Reader, limits: Limits): Uint8Array {
  const offset = reader.offset;
  const length = reader.saturatingVarint("Extension Headers Length");
  if (length === 0) throw new CodecError("extensions-empty", "Extension Headers Length", offset);
  checkExtensionLength(length, limits, offset);
  const at = reader.position;
  if (length > reader.remaining) throw new CodecError("datagram-truncated", "Extension headers", reader.offset);
  checkKeyValuePairs(reader.bytes, at, at + length, reader.origin);
  reader.position = at + length;
  return copyBytes(reader.bytes, at, at + length);
}

function readStatus(reader: Reader): ObjectStatus {
  const offset = reader.offset;
  const status = checkStatus(reader.saturatingVarint("Object Status"), offset);
  if (reader.remaining > 0) throw new CodecError("datagram-overlong", "Object Status", reader.offset);
  return status;
}
