/** Filter Type, Start Location and End Group, as in SUBSCRIBE and PUBLISH_OK (section 9.7). */
import { CodecError } from "../errors.ts";
import { readLocation, writeLocation } from "../location.ts";
import type { Filter } from "../messages.ts";
import type { Reader } from "../reader.ts";
import type { Writer } from "../writer.ts";

const NEXT_GROUP_START = 0x1;
const LARGEST_OBJECT = 0x2;
const ABSOLUTE_START = 0x3;
const ABSOLUTE_RANGE = 0x4;

/** Reads a filter. A range that ends before it starts is read: the answer to it is an INVALID_RANGE error. */
export function readFilter(reader: Reader): Filter {
  const offset = reader.offset;
  const type = reader.integer("Filter Type");
  switch (type) {
    case NEXT_GROUP_START:
      return { type: "nextGroupStart" };
    case LARGEST_OBJECT:
      return { type: "largestObject" };
    case ABSOLUTE_START:
      return { type: "absoluteStart", start: readLocation(reader, "Start Location") };
    case ABSOLUTE_RANGE: {
      const start = readLocation(reader, "Start Location");
      return { type: "absoluteRange", start, endGroup: reader.saturatingVarint("End Group") };
    }
    default:
      throw new CodecError("value-undefined", "Filter Type", offset, `It is ${type}; 1 to 4 are defined.`);
  }
}

/** Writes a filter. */
export function writeFilter(writer: Writer, filter: Filter): void {
  switch (filter.type) {
    case "nextGroupStart":
      writer.varint(NEXT_GROUP_START, "Filter Type");
      break;
    case "largestObject":
      writer.varint(LARGEST_OBJECT, "Filter Type");
      break;
    case "absoluteStart":
      writer.varint(ABSOLUTE_START, "Filter Type");
      writeLocation(writer, filter.start, "Start Location");
      break;
    case "absoluteRange":
      writer.varint(ABSOLUTE_RANGE, "Filter Type");
      writeLocation(writer, filter.start, "Start Location");
      writer.varint(filter.endGroup, "End Group");
      break;
  }
}
