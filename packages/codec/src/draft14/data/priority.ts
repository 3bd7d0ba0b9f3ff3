/** Publisher Priority, 8 bits (section 7). */
import { CodecError } from "../../errors.ts";

/** What drafts 15 and later take for the default of a track that gives none. Draft 14 has no default, so it is written out. */
const defaultPublisherPriority = 128;

/** The byte to write. Throws CodecError `value-invalid` unless it is one. */
export function priorityByte(priority: number | undefined): number {
  const value = priority ?? defaultPublisherPriority;
  if ((value & 0xff) !== value) {
    throw new CodecError("value-invalid", "Publisher Priority", undefined, `It is ${value}; 0 to 255 are allowed.`);
  }
  return value;
}
