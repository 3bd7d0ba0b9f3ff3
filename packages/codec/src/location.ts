/** Locations (draft 14, section 1.4.1). */
import type { Location } from "./messages.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Reads a location that names an object. */
export function readLocation(reader: Reader, field: string): Location {
  const group = reader.varint(`${field}.Group`);
  return { group, object: reader.varint(`${field}.Object`) };
}

/** Reads a location that bounds a range: a peer may write 2^62-1 for "all there is". */
export function readBound(reader: Reader, field: string): Location {
  const group = reader.saturatingVarint(`${field}.Group`);
  return { group, object: reader.saturatingVarint(`${field}.Object`) };
}

/** Writes a location. */
export function writeLocation(writer: Writer, location: Location, field: string): void {
  writer.varint(location.group, `${field}.Group`);
  writer.varint(location.object, `${field}.Object`);
}
