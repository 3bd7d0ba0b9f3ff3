/** Reason phrases (draft 14, section 1.4.3): at most 1024 bytes of UTF-8, for people. */
import { readableText, utf8 } from "./bytes.ts";
import { CodecError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** The most bytes a reason phrase has. */
export const maxReasonBytes = 1024;

/** Reads a reason phrase. What is not UTF-8 in it becomes U+FFFD: text for people is no reason to end a session. */
export function readReason(reader: Reader): string {
  const offset = reader.offset;
  const length = reader.saturatingVarint("Reason Phrase Length");
  if (length > maxReasonBytes) throw new CodecError("reason-too-long", "Reason Phrase Length", offset);
  return readableText(reader.take(length, "Reason Phrase Value"));
}

/** Writes a reason phrase, cut at a character if it is too long: who reports an error must not fail over its wording. */
export function writeReason(writer: Writer, reason: string): void {
  const bytes = utf8(reason);
  const length = bytes.length <= maxReasonBytes ? bytes.length : characterEnd(bytes, maxReasonBytes);
  writer.varint(length, "Reason Phrase Length");
  writer.put(bytes.subarray(0, length), "Reason Phrase Value");
}

/** The largest index up to `limit` at which a character begins. */
function characterEnd(bytes: Uint8Array, limit: number): number {
  let end = limit;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return end;
}
