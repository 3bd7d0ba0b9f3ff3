/**
 * Track namespaces and full track names (draft 14, section 2.4.1): tuples of bytes, never text. A namespace has 1 to 32 fields,
 * of which each may be empty; namespace and track name have at most 4096 bytes together.
 */
import { CodecError } from "./errors.ts";
import type { Namespace } from "./messages.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** The most fields a namespace has. */
export const maxNamespaceFields = 32;

/** The most bytes the fields of a namespace and a track name have together. */
export const maxFullTrackNameBytes = 4096;

/** A namespace with the track name that goes with it. */
export interface FullTrackName {
  readonly namespace: Namespace;
  readonly trackName: Uint8Array;
}

/** Reads a namespace or a prefix of one. */
export function readNamespace(reader: Reader, field = "Track Namespace"): Namespace {
  const offset = reader.offset;
  const count = reader.saturatingVarint(field);
  if (count < 1 || count > maxNamespaceFields) throw new CodecError("namespace-field-count", field, offset);
  const fields: Uint8Array[] = [];
  let room = maxFullTrackNameBytes;
  for (let i = 0; i < count; i++) {
    const part = readNamePart(reader, field, room);
    fields.push(part);
    room -= part.length;
  }
  return fields;
}

/** Reads a namespace and a track name. */
export function readFullTrackName(reader: Reader): FullTrackName {
  const namespace = readNamespace(reader);
  const trackName = readNamePart(reader, "Track Name", maxFullTrackNameBytes - nameBytes(namespace));
  return { namespace, trackName };
}

/** Writes a namespace or a prefix of one. */
export function writeNamespace(writer: Writer, namespace: Namespace, field = "Track Namespace"): void {
  checkNamespace(namespace, 0, field);
  writer.varint(namespace.length, field);
  for (const part of namespace) writeNamePart(writer, part, field);
}

/** Writes a namespace and a track name. */
export function writeFullTrackName(writer: Writer, { namespace, trackName }: FullTrackName): void {
  checkNamespace(namespace, trackName.length, "Track Name");
  writeNamespace(writer, namespace);
  writeNamePart(writer, trackName, "Track Name");
}

function readNamePart(reader: Reader, field: string, room: number): Uint8Array {
  const offset = reader.offset;
  const length = reader.saturatingVarint(field);
  if (length > room) throw new CodecError("full-track-name-too-long", field, offset);
  return reader.take(length, field);
}

function writeNamePart(writer: Writer, part: Uint8Array, field: string): void {
  writer.varint(part.length, field);
  writer.put(part, field);
}

function checkNamespace(namespace: Namespace, trackNameBytes: number, field: string): void {
  if (namespace.length < 1 || namespace.length > maxNamespaceFields) {
    throw new CodecError("value-invalid", field, undefined, `It has ${namespace.length} fields; 1 to 32 are allowed.`);
  }
  const total = nameBytes(namespace) + trackNameBytes;
  if (total > maxFullTrackNameBytes) {
    throw new CodecError("value-invalid", field, undefined, `The full name has ${total} bytes; 4096 are allowed.`);
  }
}

function nameBytes(namespace: Namespace): number {
  let total = 0;
  for (const part of namespace) total += part.length;
  return total;
}
