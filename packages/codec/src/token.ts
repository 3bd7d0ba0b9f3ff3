/**
 * The Token structure inside the AUTHORIZATION TOKEN parameter (draft 14, section 9.2.1.1). One that cannot be decoded ends
 * the session with KEY_VALUE_FORMATTING_ERROR; what its content means is for the session and the application.
 */
import { CodecError } from "./errors.ts";
import type { AuthorizationToken } from "./messages.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const DELETE = 0x0;
const REGISTER = 0x1;
const USE_ALIAS = 0x2;
const USE_VALUE = 0x3;

/** Reads a token from the parameter's value. `offset` is where that value begins in the message. */
export function decodeToken(value: Uint8Array, offset: number): AuthorizationToken {
  const reader = new Reader(value, 0, value.length, "pair-malformed", -offset);
  const action = reader.integer("Alias Type");
  switch (action) {
    case DELETE:
    case USE_ALIAS: {
      const alias = reader.integer("Token Alias");
      if (reader.remaining > 0) throw new CodecError("pair-malformed", "Token", reader.offset);
      return { action: action === DELETE ? "delete" : "useAlias", alias };
    }
    case REGISTER: {
      const alias = reader.integer("Token Alias");
      const tokenType = reader.integer("Token Type");
      return { action: "register", alias, tokenType, value: reader.take(reader.remaining, "Token Value") };
    }
    case USE_VALUE: {
      const tokenType = reader.integer("Token Type");
      return { action: "useValue", tokenType, value: reader.take(reader.remaining, "Token Value") };
    }
    default:
      throw new CodecError("pair-malformed", "Alias Type", offset);
  }
}

/** A token as the parameter's value. */
export function encodeToken(token: AuthorizationToken): Uint8Array {
  const writer = new Writer({ initialBytes: 64, maxBytes: 65_535 });
  switch (token.action) {
    case "delete":
    case "useAlias":
      writer.varint(token.action === "delete" ? DELETE : USE_ALIAS, "Alias Type");
      writer.varint(token.alias, "Token Alias");
      break;
    case "register":
      writer.varint(REGISTER, "Alias Type");
      writer.varint(token.alias, "Token Alias");
      writer.varint(token.tokenType, "Token Type");
      writer.put(token.value, "Token Value");
      break;
    case "useValue":
      writer.varint(USE_VALUE, "Alias Type");
      writer.varint(token.tokenType, "Token Type");
      writer.put(token.value, "Token Value");
      break;
  }
  return writer.toBytes();
}
