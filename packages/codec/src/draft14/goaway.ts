/** GOAWAY (section 9.4). */
import { exactText, utf8 } from "../bytes.ts";
import { CodecError } from "../errors.ts";
import type { Goaway } from "../messages.ts";
import type { MessageCodec } from "./message.ts";

/** The most bytes a new session URI has. */
export const maxUriBytes = 8192;

const field = "New Session URI";

/** GOAWAY. That a client's URI must be empty is for the session to check. */
export const goaway: MessageCodec<Goaway> = {
  id: 0x10,
  type: "goaway",
  read(reader) {
    const offset = reader.offset;
    const length = reader.saturatingVarint(`${field} Length`);
    if (length > maxUriBytes) throw new CodecError("uri-too-long", `${field} Length`, offset);
    const newSessionUri = exactText(reader.take(length, field));
    if (newSessionUri === undefined) throw new CodecError("value-undefined", field, offset, "It is not text.");
    return { type: "goaway", newSessionUri };
  },
  write(writer, message) {
    const bytes = utf8(message.newSessionUri);
    if (bytes.length > maxUriBytes) {
      throw new CodecError("value-invalid", field, undefined, `It has ${bytes.length} bytes; 8192 are allowed.`);
    }
    writer.varint(bytes.length, `${field} Length`);
    writer.put(bytes, field);
  },
};
