/**
 * Track namespaces: tuples of byte strings (moq-transport-14, section "Track Naming"). Fields are bytes and stay bytes;
 * text is only for people, and `parse(namespace.toString())` gives the same bytes back.
 */
import { bytesOf, equalBytes, escapeBytes, latin1, unescapeText } from "./bytes.ts";
import { ModelError } from "./errors.ts";

/** Most fields a namespace may have. */
export const maxNamespaceFields = 32;

/** Most bytes of all fields together; a full track name (fields and track name) has the same limit. */
export const maxFullNameBytes = 4096;

/** An immutable tuple of 0 to 32 byte strings. The empty one is a prefix of all; a broadcast needs at least one field. */
export class TrackNamespace {
  readonly fields: readonly Uint8Array[];
  /** A string that is equal exactly for equal namespaces, and begins with the key of every prefix; for maps, not for people. */
  readonly key: string;
  #text: string | undefined;

  private constructor(fields: readonly Uint8Array[]) {
    let total = 0;
    let key = "";
    for (const field of fields) {
      total += field.length;
      key += `${field.length}:${latin1(field)}`;
    }
    if (fields.length > maxNamespaceFields) {
      throw new ModelError(
        "namespace-invalid",
        `A namespace has at most ${maxNamespaceFields} fields, this one has ${fields.length}.`,
      );
    }
    if (total > maxFullNameBytes) {
      throw new ModelError(
        "namespace-invalid",
        `A namespace has at most ${maxFullNameBytes} bytes in all, this one has ${total}.`,
      );
    }
    this.fields = fields;
    this.key = key;
  }

  /**
   * A namespace of the given fields; strings become UTF-8, bytes are copied.
   * @throws ModelError `namespace-invalid` above 32 fields or 4096 bytes.
   */
  static of(...fields: (string | Uint8Array)[]): TrackNamespace {
    return new TrackNamespace(fields.map(bytesOf));
  }

  /**
   * Reads what `toString` writes: fields separated by `/`, `%XX` for a byte, a lone `%` for an empty field, "" for no field.
   * @throws ModelError `namespace-invalid` for an empty segment or a broken escape.
   */
  static parse(text: string): TrackNamespace {
    if (text === "") return new TrackNamespace([]);
    return new TrackNamespace(
      text.split("/").map((segment) => {
        if (segment === "") {
          throw new ModelError("namespace-invalid", `"${text}" has an empty field; write % where one is meant.`);
        }
        const bytes = segment === "%" ? new Uint8Array(0) : unescapeText(segment);
        if (bytes === undefined) {
          throw new ModelError("namespace-invalid", `"${text}" has a % that two hex digits do not follow.`);
        }
        return bytes;
      }),
    );
  }

  /** How many fields. */
  get length(): number {
    return this.fields.length;
  }

  equals(other: TrackNamespace): boolean {
    return this.key === other.key;
  }

  /** Whether the first fields are the prefix's, field by field; the namespace itself and the empty one count. */
  startsWith(prefix: TrackNamespace): boolean {
    return this.key.startsWith(prefix.key);
  }

  /** A namespace with these fields after its own. */
  append(...fields: (string | Uint8Array)[]): TrackNamespace {
    return new TrackNamespace([...this.fields, ...fields.map(bytesOf)]);
  }

  /** For people: UTF-8 fields joined by `/`; separators, control characters, `%` and bytes that are no UTF-8 become `%XX`. */
  toString(): string {
    this.#text ??= this.fields.map((field) => (field.length === 0 ? "%" : escapeBytes(field))).join("/");
    return this.#text;
  }
}

/** A track's name: bytes, a key for maps, and a text for people. */
export class TrackName {
  readonly bytes: Uint8Array;
  /** Equal exactly for equal names; for maps, not for people. */
  readonly key: string;

  private constructor(bytes: Uint8Array) {
    if (bytes.length > maxFullNameBytes) {
      throw new ModelError(
        "name-invalid",
        `A track name has at most ${maxFullNameBytes} bytes, this one has ${bytes.length}.`,
      );
    }
    this.bytes = bytes;
    this.key = latin1(bytes);
  }

  /** A name of a string (UTF-8), of bytes (copied), or itself. @throws ModelError `name-invalid` above 4096 bytes. */
  static of(name: string | Uint8Array | TrackName): TrackName {
    return name instanceof TrackName ? name : new TrackName(bytesOf(name));
  }

  equals(other: TrackName): boolean {
    return equalBytes(this.bytes, other.bytes);
  }

  /** For people, escaped as in `TrackNamespace.toString`. */
  toString(): string {
    return escapeBytes(this.bytes);
  }
}
