/** The form in which each message file describes its messages to the framing in `control.ts`. */
import { CodecError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { ControlMessage } from "../messages.ts";
import type { Reader } from "../reader.ts";
import type { Writer } from "../writer.ts";

/** One control message: its number on the wire, its word, and its body's two directions. */
export interface MessageCodec<Message extends ControlMessage = ControlMessage> {
  readonly id: number;
  readonly type: Message["type"];
  /** Reads the body, which is all the reader has. */
  read(reader: Reader, limits: Limits): Message;
  /** Writes the body. */
  write(writer: Writer, message: Message): void;
}

/** An 8-bit field that is 0 or 1, such as Forward and Content Exists. */
export function readFlag(reader: Reader, field: string): boolean {
  const offset = reader.offset;
  const value = reader.u8(field);
  if (value > 1) throw new CodecError("value-undefined", field, offset, `It is ${value}; 0 and 1 are defined.`);
  return value === 1;
}

/** Writes what `readFlag` reads. */
export function writeFlag(writer: Writer, value: boolean, field: string): void {
  writer.u8(value ? 1 : 0, field);
}
